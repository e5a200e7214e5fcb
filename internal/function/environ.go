// SPDX-License-Identifier: Apache-2.0

package function

// The environment of a function's process (L3). What differs from Lambda:
//
//   - LAMBDA_TASK_ROOT is the folder of the code, not /var/task;
//   - layers are not at /opt: NODE_PATH, PYTHONPATH, PATH and LD_LIBRARY_PATH
//     name their folders, and a value of the function's own Environment that
//     begins with /opt/ names the file in the layer that has it;
//   - PATH, HOME and LANG are the caller's; TMPDIR is a folder of the process's
//     own, but /tmp itself is the machine's;
//   - without credentials in Options.Env there are placeholders, which local
//     endpoints take and AWS refuses: the caller's own never get in.

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// argv is the program of the unit, behind AWS_LAMBDA_EXEC_WRAPPER if set.
func (r *revision) argv() []string {
	if wrapper := r.def.Environment["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" && r.unit.Frames {
		return append([]string{r.optPath(wrapper)}, r.unit.Argv...)
	}
	return r.unit.Argv
}

// optPath finds a path below /opt in the layers; the last one wins.
func (r *revision) optPath(v string) string {
	rest, ok := strings.CutPrefix(v, "/opt/")
	if !ok || !filepath.IsLocal(rest) {
		return v
	}
	for i := len(r.unit.Layers) - 1; i >= 0; i-- {
		p := filepath.Join(r.unit.Layers[i], rest)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return v
}

func (w *worker) environ() []string {
	r, s := w.rev, w.rev.fn.svc
	env := r.userEnv()
	region := s.opt.Region
	for _, name := range []string{"AWS_DEFAULT_REGION", "AWS_REGION"} {
		if v := s.opt.Env[name]; v != "" {
			region = v
		}
	}
	set := func(k, v string) { env[k] = v }
	set("_HANDLER", r.def.Handler)
	set("AWS_REGION", region)
	set("AWS_DEFAULT_REGION", region)
	set("AWS_LAMBDA_FUNCTION_NAME", r.def.Name)
	set("AWS_LAMBDA_FUNCTION_VERSION", w.version)
	set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.Itoa(r.memory()))
	set("AWS_LAMBDA_LOG_GROUP_NAME", r.group())
	set("AWS_LAMBDA_LOG_STREAM_NAME", w.stream)
	set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
	set("AWS_LAMBDA_RUNTIME_API", w.api.Addr())
	set("LAMBDA_TASK_ROOT", r.unit.Root)
	set("LAMBDA_RUNTIME_DIR", r.runtimeDir())
	set("TMPDIR", w.tmp)
	if r.def.LogJSON {
		set("AWS_LAMBDA_LOG_FORMAT", "JSON")
	}
	if !strings.HasPrefix(r.def.Runtime, "provided") {
		set("AWS_EXECUTION_ENV", "AWS_Lambda_"+r.def.Runtime)
	}
	r.searchPaths(env)
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

// userEnv is what may be overridden: defaults, then the function's own, then
// the AWS_ names of Options.Env.
func (r *revision) userEnv() map[string]string {
	s := r.fn.svc
	env := map[string]string{
		"TZ":                       ":UTC",
		"LANG":                     "en_US.UTF-8",
		"AWS_ACCESS_KEY_ID":        "forelane",
		"AWS_SECRET_ACCESS_KEY":    "forelane",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":  "127.0.0.1:2000",
	}
	for _, name := range []string{"HOME", "LANG"} {
		if v := s.host(name); v != "" {
			env[name] = v
		}
	}
	env["PATH"] = s.path()
	maps.Copy(env, s.opt.Env)
	for k, v := range r.def.Environment {
		if _, set := s.opt.Env[k]; set && strings.HasPrefix(k, "AWS_") {
			continue
		}
		env[k] = r.optPath(v)
	}
	return env
}

func (r *revision) runtimeDir() string {
	if r.unit.Frames {
		return filepath.Dir(r.unit.Argv[len(r.unit.Argv)-1])
	}
	return r.unit.Root
}

func (r *revision) group() string {
	if r.def.LogGroup != "" {
		return r.def.LogGroup
	}
	return "/aws/lambda/" + r.def.Name
}

// searchPaths puts the layers where the runtimes look.
func (r *revision) searchPaths(env map[string]string) {
	var bin, lib, node, python []string
	version := strings.TrimPrefix(r.def.Runtime, "python")
	major := strings.TrimSuffix(strings.TrimPrefix(r.def.Runtime, "nodejs"), ".x")
	for i := len(r.unit.Layers) - 1; i >= 0; i-- {
		l := r.unit.Layers[i]
		bin = append(bin, filepath.Join(l, "bin"))
		lib = append(lib, filepath.Join(l, "lib"))
		node = append(node, filepath.Join(l, "nodejs", "node"+major, "node_modules"), filepath.Join(l, "nodejs", "node_modules"))
		python = append(python, filepath.Join(l, "python", "lib", "python"+version, "site-packages"), filepath.Join(l, "python"))
	}
	s := r.fn.svc
	join(env, "PATH", bin, false)
	join(env, "LD_LIBRARY_PATH", append(lib, r.unit.Root, filepath.Join(r.unit.Root, "lib")), true)
	switch {
	case strings.HasPrefix(r.def.Runtime, "nodejs"):
		join(env, "NODE_PATH", append(node, append(s.opt.NodePath, r.unit.Root)...), true)
	case strings.HasPrefix(r.def.Runtime, "python"):
		join(env, "PYTHONPATH", append(python, s.opt.PythonPath...), true)
	}
}

// join puts folders around what a variable says already.
func join(env map[string]string, name string, dirs []string, behind bool) {
	sep := string(filepath.ListSeparator)
	add := strings.Join(dirs, sep)
	switch old := env[name]; {
	case add == "":
	case old == "":
		env[name] = add
	case behind:
		env[name] = old + sep + add
	default:
		env[name] = add + sep + old
	}
}
