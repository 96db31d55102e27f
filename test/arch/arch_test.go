// Package arch holds the architecture as tests: which package may import
// which, what only one package may know, what the ledger's rules must never
// call, and how large things may grow. The tests read the sources, because a
// test that asks the go command is blind behind its cache.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "carbonledger/"

// mayImport lists, for each package of ours, the packages of ours that it may
// import. A path ending in /... stands for everything below.
var mayImport = map[string][]string{
	"main":              {"cli"},
	"tx":                {},
	"tx/durable":        {},
	"tx/limited":        {},
	"tx/keyfile":        {"tx", "tx/durable"},
	"tx/proof":          {"tx"},
	"state/disk":        {},
	"state":             {"tx", "tx/proof", "state/disk"},
	"consensus/raftlog": {"state/disk"},
	"consensus":         {"state", "tx"},
	"p2p":               {},
	"genesis":           {"tx", "tx/limited", "tx/durable", "tx/proof"},
	"node/datadir":      {"tx", "tx/durable", "tx/keyfile"},
	"node/api":          {"tx", "tx/limited", "tx/proof"},
	"node/remote":       {"tx/limited", "tx/proof"},
	"node/publish":      {"state", "tx", "tx/limited", "tx/durable", "tx/proof", "node/remote"},
	"node/audit":        {"state", "tx", "tx/limited", "tx/durable", "tx/proof", "node/remote"},
	"node/export":       {"state", "tx", "tx/durable"},
	"node/diverge":      {"consensus", "state", "tx", "tx/proof", "node/api", "node/datadir"},
	"node":              {"tx/...", "state/...", "consensus/...", "p2p", "genesis", "node/..."},
	"cli/scenario":      {"tx", "tx/limited", "genesis"},
	"cli/local":         {},
	"cli":               {"cli/...", "node", "node/api", "node/audit", "node/diverge", "node/export", "node/publish", "node/remote", "node/datadir", "genesis", "tx/..."},
}

// onlyHome says which packages may import a dependency; everything that
// replaces it then touches them alone.
var onlyHome = map[string][]string{
	"github.com/libp2p/":                      {"p2p"},
	"github.com/multiformats/":                {"p2p"},
	"github.com/hashicorp/raft":               {"consensus", "consensus/raftlog", "node"},
	"github.com/cockroachdb/pebble":           {"state", "state/disk", "consensus", "consensus/raftlog"},
	"github.com/cosmos/gogoproto":             {"tx", "node/api"},
	"github.com/oasisprotocol/curve25519-voi": {"tx"},
	"github.com/emmansun/gmsm":                {"tx"},
	"google.golang.org/grpc":                  {"node/api", "node"},
	"github.com/spf13/":                       {"cli"},
	"filippo.io/age":                          {"tx/keyfile"},
	"github.com/pelletier/go-toml":            {"genesis", "cli", "cli/scenario"},
	"github.com/prometheus/client_golang":     {"node", "node/api"},
	"github.com/transparency-dev/":            {"tx/proof"},
	"golang.org/x/mod/sumdb/note":             {"tx/proof"},
	"github.com/schollz/progressbar":          {"cli"},
	"rsc.io/qr":                               {"cli"},
	"github.com/parquet-go/":                  {"node/export"},
}

// file is a parsed source file of the project.
type file struct {
	path, pkg string
	lines     int
	test      bool
	generated bool
	tree      *ast.File
	set       *token.FileSet
}

func sources(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && p != root || name == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, p, b, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		if pkg == "." {
			pkg = "main"
		}
		files = append(files, file{
			path: filepath.ToSlash(rel), pkg: pkg, lines: strings.Count(string(b), "\n"), set: set, tree: tree,
			test: strings.HasSuffix(name, "_test.go"), generated: strings.HasSuffix(name, ".pb.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("read only %d source files: the test looks in the wrong place", len(files))
	}
	return files
}

func imports(f file) []string {
	var all []string
	for _, i := range f.tree.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			all = append(all, p)
		}
	}
	return all
}

func matches(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return pkg == pattern
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.pkg, "test/") {
			continue
		}
		allowed, known := mayImport[f.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the import table: add it to test/arch and to docs/ARCHITECTURE.md, with a reason", f.path, f.pkg)
			continue
		}
		for _, p := range imports(f) {
			ours, ok := strings.CutPrefix(p, module)
			if ok && !slices.ContainsFunc(allowed, func(a string) bool { return matches(a, ours) }) {
				t.Errorf("%s imports %s: %s may import %v", f.path, ours, f.pkg, allowed)
			}
		}
	}
}

func TestNothingImportsTests(t *testing.T) {
	for _, f := range sources(t) {
		for _, p := range imports(f) {
			if strings.HasPrefix(p, module+"test/") && !strings.HasPrefix(f.pkg, "test/") {
				t.Errorf("%s imports %s: nothing outside test/ may", f.path, p)
			}
		}
	}
}

func TestOneDependencyOneHome(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.pkg, "test/") {
			continue
		}
		for _, p := range imports(f) {
			for dependency, homes := range onlyHome {
				if strings.HasPrefix(p, dependency) && !slices.Contains(homes, f.pkg) {
					t.Errorf("%s imports %s: its home is %v", f.path, p, homes)
				}
			}
		}
	}
}

// TestRulesAreDeterministic: no clock, no chance, no floats and no goroutines
// in the ledger, and no call into the machine.
func TestRulesAreDeterministic(t *testing.T) {
	forbidden := map[string]string{
		"time.Now": "rules read ledger time", "time.Since": "rules read ledger time", "time.Until": "rules read ledger time",
		"time.After": "rules do not wait", "time.Sleep": "rules do not wait", "os.Getenv": "replicas' environments differ",
		"os.Hostname": "replicas' machines differ",
	}
	for _, f := range sources(t) {
		if f.pkg != "state" || f.test {
			continue
		}
		for _, p := range imports(f) {
			if p == "math/rand" || p == "math/rand/v2" || p == "crypto/rand" {
				t.Errorf("%s imports %s: the ledger knows no chance", f.path, p)
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			at := func() string { return f.set.Position(n.Pos()).String() }
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					if why, bad := forbidden[x.Name+"."+n.Sel.Name]; bad {
						t.Errorf("%s: %s.%s: %s", at(), x.Name, n.Sel.Name, why)
					}
				}
			case *ast.Ident:
				if n.Name == "float64" || n.Name == "float32" {
					t.Errorf("%s: %s: amounts are integers and exact rationals", at(), n.Name)
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					t.Errorf("%s: %s: amounts are integers and exact rationals", at(), n.Value)
				}
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine whose order may matter", at())
			}
			return true
		})
	}
}

// TestRulesDoNotFollowGo: what the ledger takes does not depend on the Go release
// that built a replica. Tables of Unicode, and what parsers of the standard library
// are lenient about, change with it.
func TestRulesDoNotFollowGo(t *testing.T) {
	packages := []string{"unicode", "net/url", "net/netip", "net/mail", "regexp", "text/template"}
	calls := []string{
		"strings.Fields", "strings.TrimSpace", "strings.ToUpper", "strings.ToLower", "strings.ToTitle", "strings.Title", "strings.EqualFold",
		"bytes.Fields", "bytes.TrimSpace", "bytes.ToUpper", "bytes.ToLower", "bytes.ToTitle", "bytes.Title", "bytes.EqualFold",
		"time.Parse", "time.ParseInLocation", "time.ParseDuration", "time.LoadLocation", "strconv.Quote", "strconv.IsPrint",
	}
	for _, f := range sources(t) {
		if f.pkg != "state" && f.pkg != "tx" && f.pkg != "tx/proof" || f.test || f.generated {
			continue
		}
		for _, p := range imports(f) {
			if slices.Contains(packages, p) {
				t.Errorf("%s imports %s: what it accepts differs between Go releases", f.path, p)
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(calls, x.Name+"."+s.Sel.Name) {
					t.Errorf("%s: %s.%s differs between Go releases", f.set.Position(n.Pos()), x.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestSizes(t *testing.T) {
	const fileLines, functionLines = 500, 70
	for _, f := range sources(t) {
		if f.generated {
			continue
		}
		if f.lines > fileLines {
			t.Errorf("%s has %d lines, at most %d: split it by noun", f.path, f.lines, fileLines)
		}
		if f.test || f.pkg != "state" && f.pkg != "consensus" {
			continue
		}
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; n > functionLines {
					t.Errorf("%s: %s has %d lines, at most %d", f.path, fn.Name.Name, n, functionLines)
				}
			}
		}
	}
}

// TestNames: packages are named after what they are for.
func TestNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "types", "helpers", "misc", "base", "lib", "shared"}
	for _, f := range sources(t) {
		if slices.Contains(vague, path.Base(f.pkg)) {
			t.Errorf("%s: a package called %s says nothing", f.path, path.Base(f.pkg))
		}
	}
}

// TestTestsDoNotSleep: a test waits for what it needs, within a bound, or runs
// in a synctest bubble, where time costs nothing.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range sources(t) {
		if !f.test && !strings.HasPrefix(f.pkg, "test/") || f.pkg == "test/cluster" {
			continue
		}
		bubble := slices.Contains(imports(f), "testing/synctest")
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || bubble {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && s.Sel.Name == "Sleep" && !strings.Contains(fn.Name.Name, "await") {
						t.Errorf("%s: %s sleeps: wait in a bounded loop in a function called await…, or use testing/synctest", f.set.Position(n.Pos()), fn.Name.Name)
					}
				}
				return true
			})
		}
	}
}

// TestUnfinished: what is not done is an issue, not a comment.
func TestUnfinished(t *testing.T) {
	words := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	for _, f := range sources(t) {
		if f.generated {
			continue
		}
		for _, group := range f.tree.Comments {
			for _, c := range group.List {
				for _, w := range words {
					if strings.Contains(c.Text, w) {
						t.Errorf("%s: %s", f.set.Position(c.Pos()), fmt.Sprintf("%.60s", c.Text))
					}
				}
			}
		}
	}
}
