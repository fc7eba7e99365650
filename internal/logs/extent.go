package logs

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Extent is how much of a log is stored so far.
func (k *Keeper) Extent(ctx context.Context, id ci.LogID) (e ci.LogExtent, err error) {
	l, err := k.Jobs.Log(ctx, id)
	if err != nil {
		return e, err
	}
	e.Closed, e.Error = l.Closed, l.Error
	chunks, err := k.Index.LogChunks(ctx, id)
	if err != nil || len(chunks) == 0 {
		return e, err
	}
	last := chunks[len(chunks)-1]
	e.Lines = last.First + last.Lines - 1
	if last.Cursor.Open > 0 {
		e.Lines++
	}
	return e, nil
}

// firstError reads a log that is whole for the line that tells why its step
// failed. It is done once, when the log is closed, so that no page has to: 200,000
// lines take a second or so.
func (k *Keeper) firstError(ctx context.Context, id ci.LogID) (int64, error) {
	var found ci.Reading
	lines := ci.Joiner{Most: maxPiece, To: found.Add}
	err := k.Read(ctx, id, ci.LogRange{From: 1}, func(l ci.LogLine) error {
		lines.Add(l)
		return nil
	})
	lines.End()
	return found.FirstError(), err
}
