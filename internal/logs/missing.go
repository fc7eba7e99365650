package logs

import (
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// whatIsMissing returns a sentence about what a log lacks, or "" if it is complete. size and
// lines are the totals of what came, and streamErr tells why the last stream broke off. The
// record was left by the step's container, so no number in it is trusted to make sense.
func whatIsMissing(step stepState, chunks []ci.LogChunk, size, lines int64, streamErr error) string {
	record := step.record
	missingBytes, missingLines := gaps(chunks)
	switch {
	case step.counted() && agrees(record, size, lines):
		if missingBytes == 0 {
			return ""
		}
	case errors.Is(streamErr, ci.ErrNotFound):
		return "The log may end too early: the pod was gone before all of it was read."
	case streamErr != nil:
		return "The log may end too early: " + streamErr.Error() + "."
	case record == nil:
		return ""
	case !step.counted():
		return "The step left no record, so nothing can say whether its log is complete."
	case size > record.Bytes:
		return fmt.Sprintf("The log has %d bytes more than the step wrote: something else in the container wrote "+
			"to its output.", size-record.Bytes)
	default:
		missingBytes += record.Bytes - size
		missingLines += max(0, record.Lines-lines)
	}
	return fmt.Sprintf("%d lines (%d bytes) of the step's output are missing: they were rotated away, "+
		"or lost by the container runtime, before they were read.", missingLines, missingBytes)
}

// agrees reports whether a log is as long as the step's record says. The container runtime
// may add a line feed to the last line. It may keep a carriage return before a line feed or
// drop it, and the record does not count it.
func agrees(record *ci.Step, size, lines int64) bool {
	added := lines - record.Lines
	return (added == 0 || added == 1) && size >= record.Bytes+added && size <= record.Bytes+lines
}

// gaps returns how many bytes and lines are missing between chunks, as progress markers have
// shown. Chunks that were dropped since the log is too large do not count.
func gaps(chunks []ci.LogChunk) (size, lines int64) {
	for i := 1; i < len(chunks); i++ {
		expected := chunkAfter(chunks[i-1])
		if chunks[i].Seq == expected.Seq {
			size += max(0, chunks[i].Offset-expected.Offset)
			lines += max(0, chunks[i].First-expected.First)
		}
	}
	return size, lines
}
