package consensus

import (
	"context"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// newRaftLogger hands Raft's messages to slog, with their level.
func newRaftLogger(to *slog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level: hclog.Info, DisableTime: true, Output: slogWriter{to},
	})
}

type slogWriter struct{ to *slog.Logger }

// Write takes one line of hclog's text form, such as "[WARN]  text: k=v".
func (w slogWriter) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level := slog.LevelInfo
	for prefix, l := range map[string]slog.Level{"[DEBUG]": slog.LevelDebug, "[WARN]": slog.LevelWarn, "[ERROR]": slog.LevelError} {
		if strings.HasPrefix(text, prefix) {
			level = l
		}
	}
	if _, rest, ok := strings.Cut(text, "]"); ok && strings.HasPrefix(text, "[") {
		text = strings.TrimSpace(rest)
	}
	w.to.Log(context.Background(), level, "raft: "+text)
	return len(line), nil
}
