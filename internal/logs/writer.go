package logs

import (
	"context"
	"errors"
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxChunk is the largest size of a chunk before it is compressed, in bytes.
const maxChunk = 1 << 20

// chunkWriter gathers the fragments of a log and stores them in chunks. Its methods may be
// called concurrently.
type chunkWriter struct {
	bucket *Bucket
	index  Index
	id     ci.LogID
	job    ci.JobName
	limit  int64  // bytes that are kept of the log: half of it from its beginning, half from its end
	stored func() // called after each chunk

	mu      sync.Mutex
	data    []byte        // of the chunk that is being gathered
	next    ci.LogChunk   // describes data
	tail    []ci.LogChunk // stored chunks behind the head, oldest first
	head    int64         // bytes of the head
	dropped int64         // bytes that were dropped since load, because the disk was full
}

// load makes the writer go on behind what is stored. What was gathered and not stored is
// forgotten.
func (w *chunkWriter) load(ctx context.Context) error {
	chunks, err := w.index.LogChunks(ctx, w.id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data, w.tail = w.data[:0], nil
	w.head, w.dropped = 0, 0
	w.next = ci.LogChunk{First: 1}
	for i, c := range chunks {
		if w.head < w.limit/2 && c.Seq == i {
			w.head += c.Bytes
		} else {
			w.tail = append(w.tail, c)
		}
		w.next = chunkAfter(c)
	}
	return nil
}

// chunkAfter returns the empty chunk that follows a chunk.
func chunkAfter(c ci.LogChunk) ci.LogChunk {
	return ci.LogChunk{
		Seq:    c.Seq + 1,
		First:  c.First + c.Lines,
		Offset: c.Offset + c.Bytes,
		Inside: c.Cursor.Open > 0,
		Cursor: c.Cursor,
	}
}

func (w *chunkWriter) cursor() ci.LogCursor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next.Cursor
}

// droppedBytes returns how many bytes were dropped because the disk was full.
func (w *chunkWriter) droppedBytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// total returns how many bytes and line feeds came since the beginning of the log. What was
// dropped since the log is too large, or is missing, is counted.
func (w *chunkWriter) total() (size, lines int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next.Offset + w.next.Bytes, w.next.First - 1 + w.next.Lines
}

// add takes the next fragment.
func (w *chunkWriter) add(ctx context.Context, f fragment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.marker != nil {
		return w.applyMarker(ctx, f)
	}
	if len(w.data)+len(f.stamp)+len(f.text) > maxChunk {
		if err := w.flushLocked(ctx); err != nil {
			return err
		}
	}
	w.data = append(append(w.data, f.stamp...), f.text...)
	w.next.Bytes += int64(len(f.text))
	if f.ends() {
		w.next.Lines++
	}
	w.next.Cursor = advance(w.next.Cursor, f)
	return nil
}

// applyMarker compares a progress marker with what came. If something is missing, the next
// chunk begins with the counts of the marker, so that the gap shows what is missing, and
// where.
func (w *chunkWriter) applyMarker(ctx context.Context, f fragment) error {
	w.next.Cursor = advance(w.next.Cursor, f)
	lines, size := w.next.First-1+w.next.Lines, w.next.Offset+w.next.Bytes
	if f.marker.Lines <= lines && f.marker.Bytes <= size {
		return nil
	}
	if err := w.flushLocked(ctx); err != nil {
		return err
	}
	w.next.First = max(f.marker.Lines, lines) + 1
	w.next.Offset = max(f.marker.Bytes, size)
	return nil
}

// flush stores what was gathered.
func (w *chunkWriter) flush(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushLocked(ctx)
}

// flushLocked is flush for callers that hold the lock. The object is written before its row.
func (w *chunkWriter) flushLocked(ctx context.Context) error {
	if len(w.data) == 0 {
		return nil
	}
	c := w.next
	err := w.bucket.put(ctx, w.id, c.Seq, w.data)
	if errors.Is(err, errReserved) { // the next chunk takes this one's place, and its counts show the gap
		w.dropped += c.Bytes
		w.data = w.data[:0]
		w.next = chunkAfter(c)
		w.next.Seq = c.Seq
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.index.AddLogChunk(ctx, w.id, w.job, c); err != nil {
		return err
	}
	w.data = w.data[:0]
	w.next = chunkAfter(c)
	if w.head < w.limit/2 {
		w.head += c.Bytes
	} else {
		w.tail = append(w.tail, c)
	}
	w.stored()
	return w.trimTail(ctx)
}

// trimTail drops the oldest chunks of the tail while the others are enough. The row is
// removed before the object, so that no row names an object that is gone.
func (w *chunkWriter) trimTail(ctx context.Context) error {
	size := int64(0)
	for _, c := range w.tail {
		size += c.Bytes
	}
	for len(w.tail) > 1 && size-w.tail[0].Bytes >= w.limit/2 {
		seq := w.tail[0].Seq
		if err := w.index.DeleteLogChunk(ctx, w.id, seq); err != nil {
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
