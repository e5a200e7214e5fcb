// SPDX-License-Identifier: Apache-2.0

package compute

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

// code finds the code behind Code or Content. A local path that does not
// exist is a broken project; an object of a bucket elsewhere is only missing.
func (b *builder) code(r *base.Resource, v base.Value, function bool) model.Code {
	bucket, key := v.Get("S3Bucket").Text(), v.Get("S3Key").Text()
	path, ok := b.Assets.Locate(r.ID, bucket, key)
	what := fmt.Sprintf("its code is in s3://%s/%s, which is not in this project; give it with --code %s=DIR", bucket, key, r.ID)
	if !ok {
		if bucket == "" && key == "" && function {
			v.Fail("give ZipFile, a local folder, or S3Bucket and S3Key", "the function has no code")
		}
		return model.Code{Missing: what}
	}
	switch b.Assets.Kind(path) {
	case base.Folder:
		return model.Code{Dir: path}
	case base.File:
		if ext := strings.ToLower(filepath.Ext(path)); ext == ".zip" || ext == ".jar" {
			return model.Code{Zip: path}
		}
		return model.Code{Dir: filepath.Dir(path)} // one source file stands for its folder
	}
	if !b.Lenient {
		v.Fail("correct the path: it is relative to the template's folder", "there is no file or folder %s", path)
	}
	return model.Code{Missing: "there is no file or folder " + path}
}

// buildMethod says how a folder becomes runnable: SAM's BuildMethod, or Go
// source for a runtime that wants a bootstrap. A folder given by --code is what
// a build made.
func (b *builder) buildMethod(r *base.Resource, f *model.Function) string {
	has := func(name string) bool { return b.Assets.Kind(filepath.Join(f.Code.Dir, name)) == base.File }
	_, given := b.Assets.Locate(r.ID, "", "")
	switch method := r.Meta.Get("BuildMethod").Text(); {
	case given && strings.HasPrefix(f.Runtime, "provided") && has("bootstrap"):
		return "" // already built
	case strings.HasPrefix(method, "go"):
		return "go"
	case method == "" || strings.HasPrefix(method, "nodejs") || strings.HasPrefix(method, "python"):
	case has("bootstrap") && strings.HasPrefix(f.Runtime, "provided"):
		return "" // already built
	default:
		if given {
			return ""
		}
		return method
	}
	binary := strings.HasPrefix(f.Runtime, "provided") || f.Runtime == "go1.x"
	if binary && has("go.mod") && !has("bootstrap") {
		return "go"
	}
	return ""
}
