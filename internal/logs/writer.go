package logs

import (
	"context"
	"errors"
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxChunk bounds a chunk before it is compressed, in bytes.
const maxChunk = 1 << 20

// Index is the part of the database that knows which chunks there are.
type Index interface {
	LogChunks(ctx context.Context, id ci.LogID) ([]ci.LogChunk, error)
	AddLogChunk(ctx context.Context, id ci.LogID, job ci.JobName, c ci.LogChunk) error
	DropLogChunk(ctx context.Context, id ci.LogID, seq int) error
}

// writer gathers a log and stores it chunk by chunk. Its methods may be called at once.
type writer struct {
	bucket *Bucket
	index  Index
	id     ci.LogID
	job    ci.JobName
	limit  int64  // bytes that are kept of a log; half of it is its head, half its tail
	stored func() // called after each chunk

	mu   sync.Mutex
	data []byte
	next ci.LogChunk   // the one that is being gathered
	tail []ci.LogChunk // stored behind the head, oldest first
	head int64         // bytes of the head
	lost int64         // bytes that were dropped since load, since the disk had no room
}

// load goes on behind what is stored.
func (w *writer) load(ctx context.Context) error {
	chunks, err := w.index.LogChunks(ctx, w.id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data = w.data[:0]
	w.next = ci.LogChunk{First: 1}
	w.tail = nil
	w.head, w.lost = 0, 0
	for i, c := range chunks {
		if w.head < w.limit/2 && c.Seq == i {
			w.head += c.Bytes
		} else {
			w.tail = append(w.tail, c)
		}
		w.next = after(c)
	}
	return nil
}

func after(c ci.LogChunk) ci.LogChunk {
	return ci.LogChunk{
		Seq:    c.Seq + 1,
		First:  c.First + c.Lines,
		Offset: c.Offset + c.Bytes,
		Inside: c.Cursor.Open > 0,
		Cursor: c.Cursor,
	}
}

func (w *writer) cursor() ci.LogCursor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next.Cursor
}

// dropped is how many bytes were not stored, since the disk had no room.
func (w *writer) dropped() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// total is what came from the beginning: bytes and line feeds, also of what was cut.
func (w *writer) total() (size, lines int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next.Offset + w.next.Bytes, w.next.First - 1 + w.next.Lines
}

// add takes a piece in.
func (w *writer) add(ctx context.Context, p piece) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.marker != nil {
		return w.agree(ctx, p)
	}
	if len(w.data)+len(p.stamp)+len(p.text) > maxChunk {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.data = append(append(w.data, p.stamp...), p.text...)
	w.next.Bytes += int64(len(p.text))
	if p.whole() {
		w.next.Lines++
	}
	w.next.Cursor = advance(w.next.Cursor, p)
	return nil
}

// agree compares a progress marker with what came. If something is missing, the
// next chunk begins with the numbers of the marker, so that the jump shows what and where.
func (w *writer) agree(ctx context.Context, p piece) error {
	w.next.Cursor = advance(w.next.Cursor, p)
	came, size := w.next.First-1+w.next.Lines, w.next.Offset+w.next.Bytes
	if p.marker.Lines <= came && p.marker.Bytes <= size {
		return nil
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.next.First, w.next.Offset = max(p.marker.Lines, came)+1, max(p.marker.Bytes, size)
	return nil
}

// store puts away what was gathered.
func (w *writer) store(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush(ctx)
}

// flush needs the lock. The object comes before its row.
func (w *writer) flush(ctx context.Context) error {
	if len(w.data) == 0 {
		return nil
	}
	c := w.next
	switch err := w.bucket.put(ctx, w.id, c.Seq, w.data); {
	case errors.Is(err, errReserved): // the next chunk takes this one's place, and its numbers show the gap
		w.data = w.data[:0]
		w.next = after(c)
		w.lost = w.lost + c.Bytes
		w.next.Seq = c.Seq
		return nil
	case err != nil:
		return err
	}
	if err := w.index.AddLogChunk(ctx, w.id, w.job, c); err != nil {
		return err
	}
	w.data, w.next = w.data[:0], after(c)
	if w.head < w.limit/2 {
		w.head += c.Bytes
	} else {
		w.tail = append(w.tail, c)
	}
	w.stored()
	return w.cut(ctx)
}

// cut drops the oldest of the tail, as far as the rest is enough. The row goes
// first, so that no row names an object that is gone.
func (w *writer) cut(ctx context.Context) error {
	size := int64(0)
	for _, c := range w.tail {
		size += c.Bytes
	}
	for len(w.tail) > 1 && size-w.tail[0].Bytes >= w.limit/2 {
		seq := w.tail[0].Seq
		if err := w.index.DropLogChunk(ctx, w.id, seq); err != nil {
			return err
		}
		if err := w.bucket.drop(ctx, w.id, seq); err != nil {
			return err
		}
		size -= w.tail[0].Bytes
		w.tail = w.tail[1:]
	}
	return nil
}
