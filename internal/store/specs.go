package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/yaci-ci/yaci/internal/ci"
)

// storedSpec is the ci.JobSpec of a job as it is stored. Manifest and files are compressed by zstd, with those of the
// first job of the attempt as the dictionary of the others. The jobs of a matrix differ little, so all together take
// little more than one.
type storedSpec struct {
	manifest []byte
	files    []byte
	images   []byte     // JSON
	base     ci.JobName // whose spec is the dictionary; empty: none
}

func (s storedSpec) size() int64 { return int64(len(s.manifest) + len(s.files) + len(s.images)) }

const (
	specDictionary = 1         // the id of the dictionary in a frame
	maxSpec        = 256 << 20 // bytes that one manifest, or the files of one job, may take when they are read
)

// encodeSpecs compresses the specs of the jobs of an attempt. A job that was skipped has an empty one.
func encodeSpecs(jobs []ci.NewJob) ([]storedSpec, error) {
	specs := make([]storedSpec, len(jobs))
	var launched []int // indexes of the jobs that have a spec
	var manifests, files [][]byte
	for i, job := range jobs {
		images, err := encodeImages(job.Images)
		if err != nil {
			return nil, err
		}
		specs[i] = storedSpec{manifest: []byte{}, files: []byte{}, images: images} // the columns take no NULL
		if len(job.Manifest) > 0 {
			launched = append(launched, i)
			manifests = append(manifests, job.Manifest)
			files = append(files, job.Files)
		}
	}

	manifests, err := compressAll(manifests)
	if err != nil {
		return nil, err
	}
	if files, err = compressAll(files); err != nil {
		return nil, err
	}
	for n, i := range launched {
		specs[i].manifest = manifests[n]
		specs[i].files = files[n]
		if n > 0 {
			specs[i].base = jobs[launched[0]].Name
		}
	}
	return specs, nil
}

// compressAll compresses the first part by itself, and the others with the first as their dictionary.
func compressAll(parts [][]byte) ([][]byte, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)}
	encoder, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, err
	}
	compressed := [][]byte{encoder.EncodeAll(parts[0], nil)}
	if len(parts) > 1 && len(parts[0]) > 0 {
		options = append(options, zstd.WithEncoderDictRaw(specDictionary, parts[0]))
		if encoder, err = zstd.NewWriter(nil, options...); err != nil {
			return nil, err
		}
	}
	for _, part := range parts[1:] {
		compressed = append(compressed, encoder.EncodeAll(part, nil))
	}
	return compressed, nil
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd} // RFC 8878, section 3.1.1

// decompress returns what compressAll was given. dictionary is the first of the parts; nil for the first itself. Data
// of earlier versions that is not compressed is returned as it is.
func decompress(data, dictionary []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return data, nil
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSpec)}
	if dictionary != nil {
		options = append(options, zstd.WithDecoderDictRaw(specDictionary, dictionary))
	}
	r, err := zstd.NewReader(nil, options...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(data, nil)
}

// specRow is the spec of a job, with those parts of another job's that are its dictionaries; they are empty if it has
// none.
type specRow struct {
	Manifest     []byte `sql:"j.manifest"`
	Files        []byte `sql:"j.files"`
	Images       []byte `sql:"j.images"`
	BaseManifest []byte `sql:"coalesce(b.manifest, '')"`
	BaseFiles    []byte `sql:"coalesce(b.files, '')"`
}

var selectSpec = `SELECT ` + columnsOf[specRow]() + `
	FROM jobs AS j LEFT JOIN jobs AS b ON b.name = j.base WHERE j.name = ?`

// jobSpec returns the spec of a job, or ErrNotFound if there is no such job. It is empty once the job has ended.
func (s *Store) jobSpec(ctx context.Context, name ci.JobName) (spec ci.JobSpec, err error) {
	found, err := scanRow[specRow](s.db.QueryRowContext(ctx, selectSpec, name))
	if errors.Is(err, sql.ErrNoRows) {
		return spec, fmt.Errorf("job: %w", ErrNotFound)
	}
	if err != nil {
		return spec, fmt.Errorf("spec of %s: %w", name, err)
	}
	if spec.Manifest, err = decompressPart(found.Manifest, found.BaseManifest); err != nil {
		return spec, fmt.Errorf("manifest of %s: %w", name, err)
	}
	if spec.Files, err = decompressPart(found.Files, found.BaseFiles); err != nil {
		return spec, fmt.Errorf("files of %s: %w", name, err)
	}
	if spec.Images, err = decodeImages(found.Images); err != nil {
		return spec, fmt.Errorf("images of %s: %w", name, err)
	}
	return spec, nil
}

// decompressPart decompresses a part of a spec. base is the same part of the first job, compressed; empty: none.
func decompressPart(data, base []byte) ([]byte, error) {
	if len(base) == 0 {
		return decompress(data, nil)
	}
	dictionary, err := decompress(base, nil)
	if err != nil {
		return nil, fmt.Errorf("of the first job: %w", err)
	}
	return decompress(data, dictionary)
}

// fitSpecs compresses the specs of an attempt's jobs. If the unfinished jobs of the repository would take more of the
// database than one repository may, it takes the jobs from the attempt, and the run ends in error. Runs without a
// repository have no limit.
func (s *Store) fitSpecs(
	ctx context.Context, tx *sql.Tx, run *ci.Run, attempt *ci.NewAttempt,
) ([]storedSpec, error) {
	repo := run.Event.Repo.ID
	specs, err := encodeSpecs(attempt.Jobs)
	if err != nil || len(attempt.Jobs) == 0 || s.specLimit <= 0 || repo == 0 {
		return specs, err
	}
	var stored int64
	err = tx.QueryRowContext(ctx, `SELECT coalesce(sum(j.stored), 0) FROM jobs AS j JOIN runs AS r ON r.id = j.run
		WHERE j.finished = 0 AND r.repo_id = ?`, repo).Scan(&stored)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		stored += spec.size()
	}
	if stored <= s.specLimit {
		return specs, nil
	}
	attempt.Jobs = nil
	run.State = ci.Error
	run.Finished = s.now()
	run.Message = fmt.Sprintf("The repository's unfinished jobs would take %d MiB of YACI's database; "+
		"%d MiB are allowed (YACI_REPO_STORE_LIMIT). Cancel runs or wait until some have ended, then retry.",
		stored>>20, s.specLimit>>20)
	return nil, nil
}

// SaveImages stores what registries said about the images of a job that was not launched yet, so that every launch of
// it uses the same ones. They count against the limit of [Store.LimitSpecs].
func (s *Store) SaveImages(ctx context.Context, name ci.JobName, images []ci.Image) error {
	data, err := encodeImages(images)
	if err == nil {
		err = s.tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE jobs SET stored = stored + ? - octet_length(images), images = ?
				WHERE name = ? AND state = 'queued' AND finished = 0`, len(data), string(data), name)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("images of %s: %w", name, err)
	}
	return nil
}

// deleteSpecs deletes the specs of a run's jobs that have ended: only a launch needs them. The first job's stays as
// long as it is the dictionary of another one.
func deleteSpecs(ctx context.Context, tx *sql.Tx, run ci.RunID) error {
	_, err := tx.ExecContext(ctx, `UPDATE jobs SET manifest = '', files = '', images = 'null', stored = 0
		WHERE run = ? AND finished > 0 AND stored > 0
		AND NOT EXISTS (SELECT 1 FROM jobs AS o WHERE o.run = jobs.run AND o.base = jobs.name AND o.finished = 0)`, run)
	return err
}
