package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/yaci-ci/yaci/internal/ci"
)

// LimitPlans bounds the plans of a repository's jobs that have not ended, with what registries say of their images, in
// bytes as stored. It is called before the store is used.
func (s *Store) LimitPlans(limit int64) { s.planLimit = limit }

// plan is what launching a job takes, as it is stored: compressed by zstd, with
// the plan of the first job of the attempt as the dictionary of the others. The
// jobs of a matrix differ little, so all together take little more than one.
type plan struct {
	manifest, files []byte
	images          []byte     // JSON
	base            ci.JobName // whose plan is the dictionary; empty: none
}

func (p plan) size() int64 { return int64(len(p.manifest) + len(p.files) + len(p.images)) }

const (
	planDictionary = 1         // the id of the dictionary in a frame
	maxPlan        = 256 << 20 // bytes that one plan may take when it is read
)

// encodePlans compresses the plans of the jobs of an attempt.
func encodePlans(jobs []ci.NewJob) ([]plan, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	plans := make([]plan, len(jobs))
	// one that was skipped has no plan
	first := slices.IndexFunc(jobs, func(j ci.NewJob) bool { return len(j.Manifest) > 0 })
	for i := range plans { // the columns take no NULL
		plans[i].manifest, plans[i].files = []byte{}, []byte{}
		var err error
		if plans[i].images, err = encodeImages(jobs[i].Images); err != nil {
			return nil, err
		}
	}
	if first < 0 {
		return plans, nil
	}
	for _, part := range []struct {
		of   func(ci.NewJob) []byte
		into func(*plan) *[]byte
	}{
		{func(j ci.NewJob) []byte { return j.Manifest }, func(p *plan) *[]byte { return &p.manifest }},
		{func(j ci.NewJob) []byte { return j.Files }, func(p *plan) *[]byte { return &p.files }},
	} {
		options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)}
		plain, err := zstd.NewWriter(nil, options...)
		if err != nil {
			return nil, err
		}
		base := part.of(jobs[first])
		*part.into(&plans[first]) = plain.EncodeAll(base, nil)
		others := plain
		if first+1 < len(jobs) && len(base) > 0 {
			if others, err = zstd.NewWriter(nil, append(options, zstd.WithEncoderDictRaw(planDictionary, base))...); err != nil {
				return nil, err
			}
		}
		for i := first + 1; i < len(jobs); i++ {
			if data := part.of(jobs[i]); len(jobs[i].Manifest) > 0 {
				plans[i].base = jobs[first].Name
				*part.into(&plans[i]) = others.EncodeAll(data, nil)
			}
		}
	}
	return plans, nil
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd} // RFC 8878, section 3.1.1

// decodePart returns a manifest or files. What earlier versions stored is not compressed.
func decodePart(data, base []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return data, nil
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlan)}
	if base != nil {
		options = append(options, zstd.WithDecoderDictRaw(planDictionary, base))
	}
	r, err := zstd.NewReader(nil, options...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(data, nil)
}

// readPlan decompresses the plan of a job that was just read.
func (s *Store) readPlan(ctx context.Context, j *ci.Job) error {
	var base, manifest, files []byte
	if err := s.db.QueryRowContext(ctx, `SELECT coalesce(b.manifest, ''), coalesce(b.files, '') FROM jobs AS j LEFT JOIN jobs AS b ON b.name = j.base WHERE j.name = ?`,
		j.Name).Scan(&manifest, &files); err != nil {
		return fmt.Errorf("plan of %s: %w", j.Name, err)
	}
	for _, part := range []struct {
		data *[]byte
		base []byte
	}{{&j.Manifest, manifest}, {&j.Files, files}} {
		var err error
		if base = nil; len(part.base) > 0 {
			if base, err = decodePart(part.base, nil); err != nil {
				return fmt.Errorf("plan of %s: the first job's: %w", j.Name, err)
			}
		}
		if *part.data, err = decodePart(*part.data, base); err != nil {
			return fmt.Errorf("plan of %s: %w", j.Name, err)
		}
	}
	return nil
}

// fit compresses the plans of an attempt's jobs. When the repository's unfinished jobs would take more of the database
// than one repository may, the run ends in error instead, and the attempt loses its jobs.
func (s *Store) fit(ctx context.Context, tx *sql.Tx, run *ci.Run, attempt *ci.NewAttempt) ([]plan, error) {
	plans, err := encodePlans(attempt.Jobs)
	if err != nil || len(attempt.Jobs) == 0 || s.planLimit <= 0 || run.Event.Repo.ID == 0 {
		return plans, err
	}
	var stored int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(sum(j.stored), 0) FROM jobs AS j JOIN runs AS r ON r.id = j.run WHERE j.finished = 0 AND r.repo_id = ?`,
		run.Event.Repo.ID).Scan(&stored); err != nil {
		return nil, err
	}
	for _, p := range plans {
		stored += p.size()
	}
	if stored <= s.planLimit {
		return plans, nil
	}
	run.State, run.Finished = ci.Error, s.now()
	run.Message = fmt.Sprintf(
		"The repository's unfinished jobs would take %d MiB of YACI's database; %d MiB are allowed (YACI_REPO_STORE_LIMIT). "+
			"Cancel runs or wait until some have ended, then retry.",
		stored>>20,
		s.planLimit>>20,
	)
	attempt.Jobs = nil
	return nil, nil
}

// dropPlans deletes the plans of a run's jobs that have ended: only a launch
// needs them. The first job's stays as long as another one's needs it.
func dropPlans(ctx context.Context, tx *sql.Tx, run ci.RunID) error {
	_, err := tx.ExecContext(
		ctx,
		`UPDATE jobs SET manifest = '', files = '', images = 'null', stored = 0 WHERE run = ? AND finished > 0 AND stored > 0
		AND NOT EXISTS (SELECT 1 FROM jobs AS o WHERE o.run = jobs.run AND o.base = jobs.name AND o.finished = 0)`,
		run,
	)
	return err
}
