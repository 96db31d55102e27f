package genesis

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// lines says on which line of a document a field stands: "chain_id",
// "parties[2]", "parties[2].keys".
type lines map[string]int

// locate reads a document that has been decoded before, so it cannot fail.
func locate(content []byte) lines {
	at := lines{}
	counts := map[string]int{}
	table := ""
	var p unstable.Parser
	p.Reset(content)
	for p.NextExpression() {
		e := p.Expression()
		names := keyOf(e)
		line := 0
		if k := e.Key(); k.Next() {
			line = p.Shape(k.Node().Raw).Start.Line
		}
		switch e.Kind {
		case unstable.ArrayTable:
			name := strings.Join(names, ".")
			table = fmt.Sprintf("%s[%d].", name, counts[name])
			counts[name]++
			at[strings.TrimSuffix(table, ".")] = line
		case unstable.Table:
			table = strings.Join(names, ".") + "."
			at[strings.TrimSuffix(table, ".")] = line
		case unstable.KeyValue:
			at[table+strings.Join(names, ".")] = line
		}
	}
	return at
}

func keyOf(e *unstable.Node) []string {
	var names []string
	for k := e.Key(); k.Next(); {
		names = append(names, string(k.Node().Data))
	}
	return names
}

func fieldName(k toml.Key) string { return strings.Join(k, ".") }

// of is the line of a field, or of the nearest thing around it.
func (l lines) of(field string) int {
	for field != "" {
		if n, ok := l[field]; ok {
			return n
		}
		cut := strings.LastIndexAny(field, ".[")
		if cut < 0 {
			break
		}
		field = field[:cut]
	}
	return 1
}
