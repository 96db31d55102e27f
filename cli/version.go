package cli

import (
	"runtime"
	"runtime/debug"

	"carbonledger/node/audit"

	"github.com/spf13/cobra"
)

// programVersion is the module's version, or the commit it was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision, modified := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	switch {
	case version != "" && version != "(devel)":
		return version
	case revision != "":
		return "devel-" + revision + modified
	}
	return "devel"
}

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program, of Go and of the protocol",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := record{title: "version"}
			r.add("version", programVersion())
			r.add("go", runtime.Version())
			r.add("platform", runtime.GOOS+"/"+runtime.GOARCH)
			r.add("protocol_version", audit.ProtocolVersion)
			return r.print(cmd.OutOrStdout(), g.json)
		},
	}
}
