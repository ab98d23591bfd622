package download

import (
	"fmt"
	"io"
	"time"
)

// watched counts what comes, ends what does not end, and notes silence.
type watched struct {
	io.Reader
	timer *time.Timer
	idle  time.Duration
	limit int64 // bytes that may still come
	have  int64
	whole int64 // -1 when the server does not say
	tell  func(string)
	told  int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.timer.Reset(w.idle)
	w.have += int64(n)
	if w.limit -= int64(n); w.limit < 0 {
		return 0, final("it does not end within the bytes that are taken")
	}
	w.progress()
	return n, err
}

// progress tells every twentieth of a known length, else every 64 MiB.
func (w *watched) progress() {
	part := max(w.whole/20, 1<<20)
	if w.whole < 0 {
		part = 64 << 20
	}
	if w.have/part == w.told {
		return
	}
	w.told = w.have / part
	if w.whole > 0 {
		w.tell(fmt.Sprintf("download %d %%", 100*w.have/w.whole))
		return
	}
	w.tell(fmt.Sprintf("download %d MiB", w.have>>20))
}
