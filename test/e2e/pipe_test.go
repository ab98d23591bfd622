package e2e

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// readUntil reads lines until one holds the text or the stream ends, and
// returns them all.
func readUntil(t *testing.T, stream io.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	reader := bufio.NewReader(oneByte{stream})
	for {
		line, err := reader.ReadString('\n')
		all.WriteString(line)
		if err != nil || strings.Contains(line, text) {
			return all.String()
		}
	}
}

// oneByte keeps a buffered reader from taking more than it gives.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }
