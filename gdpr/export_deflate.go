package gdpr

import (
	"bytes"
	"compress/flate"
	"hash"
	"io"
	"runtime"
	"sync"
)

// block is how much is compressed at a time, in bytes.
const block = 256 << 10

// maxWorkers bounds how many blocks of a file are compressed at once, and so the memory that this takes: less than 1 MB
// each.
const maxWorkers = 4

// deflater compresses blocks side by side, each on its own, into one stream in the format of RFC 1951: a block ends with
// an empty stored one, so that the next begins on a whole byte.
type deflater struct {
	level int
	fill  []byte
	order chan *compressed // as they were written
	spare chan []byte
	raw   hash.Hash     // of what is compressed; the caller's again after Close
	ended chan struct{} // when everything is written

	mu  sync.Mutex
	err error // of the writer below
}

// compressed is a block on its way.
type compressed struct {
	bytes.Buffer
	in   []byte
	done chan struct{}
}

var compressors sync.Pool // of *flate.Writer, all of one level

func newDeflater(w io.Writer, level int, raw hash.Hash) *deflater {
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	d := &deflater{
		level: level, fill: make([]byte, 0, block), order: make(chan *compressed, workers), ended: make(chan struct{}),
		spare: make(chan []byte, workers+2), raw: raw,
	}
	go d.write(w)
	return d
}

// write puts the blocks one behind the other.
func (d *deflater) write(w io.Writer) {
	defer close(d.ended)
	for c := range d.order {
		d.raw.Write(c.in)
		<-c.done
		select {
		case d.spare <- c.in:
		default:
		}
		if d.failed() != nil {
			continue
		}
		if _, err := w.Write(c.Bytes()); err != nil {
			d.mu.Lock()
			d.err = err
			d.mu.Unlock()
		}
	}
}

func (d *deflater) failed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Write implements [io.Writer]. It waits while as many blocks are under way as there are workers.
func (d *deflater) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		taken := min(len(p), block-len(d.fill))
		d.fill = append(d.fill, p[:taken]...)
		p, n = p[taken:], n+taken
		if len(d.fill) == block {
			if err := d.failed(); err != nil {
				return n, err
			}
			d.send(false)
		}
	}
	return n, nil
}

func (d *deflater) send(last bool) {
	c := &compressed{in: d.fill, done: make(chan struct{})}
	d.order <- c
	go func() {
		defer close(c.done)
		f, ok := compressors.Get().(*flate.Writer)
		if ok {
			f.Reset(c)
		} else {
			f, _ = flate.NewWriter(c, d.level) // the level is one of flate's own
		}
		_, _ = f.Write(c.in) // into memory
		if last {
			_ = f.Close()
		} else {
			_ = f.Flush()
		}
		compressors.Put(f)
	}()
	select {
	case spare := <-d.spare:
		d.fill = spare[:0]
	default:
		d.fill = make([]byte, 0, block)
	}
}

// Close implements [io.Closer]: it returns when everything is written.
func (d *deflater) Close() error {
	d.send(true)
	close(d.order)
	<-d.ended
	return d.failed()
}
