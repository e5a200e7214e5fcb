package sam

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"encoding/json"

	"github.com/forelane/forelane/internal/template/tree"
)

func TestZZDump(t *testing.T) {
	dir := os.Getenv("DUMP")
	fs, _ := filepath.Glob(dir + "/*.in.json")
	var n, eq, both, onlyUs, onlyThem int
	for _, f := range fs {
		b, _ := os.ReadFile(f)
		in, err := tree.Parse(f, b)
		if err != nil { t.Log(f, err); continue }
		n++
		got, err := Transform(in, vectorOptions())
		want, werr := os.ReadFile(strings.TrimSuffix(f, ".in.json") + ".out.json")
		name := filepath.Base(f)
		switch {
		case err != nil && werr != nil: both++
		case err != nil: onlyUs++; t.Log("WE REFUSE", name, err)
		case werr != nil: onlyThem++; t.Log("THEY REFUSE", name)
		default:
			var w, h any
			json.Unmarshal(want, &w); json.Unmarshal(tree.JSON(got), &h)
			if d := difference("", sorted(w), sorted(h)); d != "" { t.Log("DIFF", name, d) } else { eq++ }
		}
	}
	t.Log(n, "files", eq, "equal", both, "both refuse", onlyUs, onlyThem)
}
