package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob" // gs://
	_ "gocloud.dev/blob/s3blob"  // s3://
	"gocloud.dev/gcerrors"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Bucket keeps chunks as compressed objects. Its methods may be called concurrently.
type Bucket struct {
	b   *blob.Bucket
	dir string // of a bucket that is a directory; empty: it is none
	enc *zstd.Encoder
	dec *zstd.Decoder

	reserve *reserve // nil: none
}

// OpenBucket opens a directory, which it creates if necessary, or a bucket by its URL:
// s3://name?region=x, gs://name or azblob://name (gocloud.dev/howto/blob). The caller closes it.
func OpenBucket(ctx context.Context, where string) (*Bucket, error) {
	b, dir, err := openBlob(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("log store %s: %w", where, err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*maxChunk))
	if err != nil {
		return nil, err
	}
	return &Bucket{
		b:   b,
		dir: dir,
		enc: enc,
		dec: dec,
	}, nil
}

func openBlob(ctx context.Context, where string) (b *blob.Bucket, dir string, err error) {
	if strings.Contains(where, "://") {
		b, err = blob.OpenBucket(ctx, where)
		return b, "", err
	}
	if dir, err = filepath.Abs(where); err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	b, err = fileblob.OpenBucket(
		dir,
		&fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true, DirFileMode: 0o700},
	)
	return b, dir, err
}

// Close releases the bucket. Nothing may use it any more.
func (b *Bucket) Close() error { return b.b.Close() }

func key(id ci.LogID, seq int) string {
	return fmt.Sprintf("%s/%s/%06d.zst", url.PathEscape(id.UID), url.PathEscape(id.Container), seq)
}

// put stores the data of a chunk. The error is errReserved if that would use the disk space
// that is reserved for the database.
func (b *Bucket) put(ctx context.Context, id ci.LogID, seq int, data []byte) error {
	packed := b.enc.EncodeAll(data, nil)
	if err := b.reserve.check(len(packed)); err != nil {
		return err
	}
	if err := b.b.WriteAll(ctx, key(id, seq), packed, nil); err != nil {
		return fmt.Errorf("store %s: %w", key(id, seq), err)
	}
	return nil
}

func (b *Bucket) get(ctx context.Context, id ci.LogID, seq int) ([]byte, error) {
	packed, err := b.b.ReadAll(ctx, key(id, seq))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key(id, seq), err)
	}
	data, err := b.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key(id, seq), err)
	}
	return data, nil
}

func (b *Bucket) drop(ctx context.Context, id ci.LogID, seq int) error {
	if err := b.b.Delete(ctx, key(id, seq)); err != nil {
		return fmt.Errorf("drop %s: %w", key(id, seq), err)
	}
	return nil
}

// Remove deletes all objects of a log. It may be repeated.
func (b *Bucket) Remove(ctx context.Context, id ci.LogID) error {
	prefix := path.Dir(key(id, 0)) + "/"
	list := b.b.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			b.removeDirs(prefix)
			return nil
		}
		if err == nil {
			err = b.b.Delete(ctx, object.Key)
		}
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("remove %s: %w", prefix, err)
		}
	}
}

// removeDirs removes the empty directories that removed objects leave behind in a bucket that is
// a directory.
func (b *Bucket) removeDirs(prefix string) {
	if b.dir != "" {
		os.Remove(filepath.Join(b.dir, prefix))
		os.Remove(filepath.Join(b.dir, path.Dir(path.Dir(prefix))))
	}
}
