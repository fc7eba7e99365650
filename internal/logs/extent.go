package logs

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Extent is the number of the last line of a log that is stored so far, and
// whether nothing more will come. What was cut out of its middle is counted.
func (k *Keeper) Extent(ctx context.Context, id ci.LogID) (lines int64, closed bool, err error) {
	l, err := k.Jobs.Log(ctx, id)
	if err != nil {
		return 0, false, err
	}
	chunks, err := k.Index.LogChunks(ctx, id)
	if err != nil || len(chunks) == 0 {
		return 0, l.Closed, err
	}
	last := chunks[len(chunks)-1]
	lines = last.First + last.Lines - 1
	if last.Cursor.Open > 0 {
		lines++
	}
	return lines, l.Closed, nil
}
