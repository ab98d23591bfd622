package download

import (
	"hash"
	"io"
)

// sum hashes a download while it comes.
type sum struct {
	hash.Hash
	size int64 // bytes that were hashed
}

// beside gives a writer to the file, which has so many bytes, that hashes what
// it writes in a goroutine of its own: neither waits long for the other. The
// function waits until all is hashed. Bytes of an earlier run are not.
func (s *sum) beside(file io.Writer, have int64) (io.Writer, func()) {
	if s != nil && have == 0 {
		s.Reset()
		s.size = 0
	}
	if s == nil || have != s.size {
		return file, func() {}
	}
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, _ := io.Copy(s.Hash, out) // neither side can fail
		s.size += n
	}()
	return io.MultiWriter(file, in), func() {
		_ = in.Close() // always nil
		<-done
	}
}
