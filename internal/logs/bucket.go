package logs

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob" // gs://
	_ "gocloud.dev/blob/s3blob"  // s3://

	"github.com/yaci-ci/yaci/internal/ci"
)

// Bucket keeps chunks as compressed objects.
type Bucket struct {
	b   *blob.Bucket
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// OpenBucket opens a directory, which it makes, or a bucket by its URL:
// s3://name?region=x, gs://name or azblob://name (gocloud.dev/howto/blob).
func OpenBucket(ctx context.Context, where string) (*Bucket, error) {
	b, err := openBlob(ctx, where)
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
	return &Bucket{b, enc, dec}, nil
}

func openBlob(ctx context.Context, where string) (*blob.Bucket, error) {
	if strings.Contains(where, "://") {
		return blob.OpenBucket(ctx, where)
	}
	dir, err := filepath.Abs(where)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return fileblob.OpenBucket(dir, &fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true, DirFileMode: 0o700})
}

// Close ends all use.
func (b *Bucket) Close() error { return b.b.Close() }

func key(id ci.LogID, seq int) string {
	return fmt.Sprintf("%s/%s/%06d.zst", url.PathEscape(id.UID), url.PathEscape(id.Container), seq)
}

func (b *Bucket) put(ctx context.Context, id ci.LogID, seq int, data []byte) error {
	if err := b.b.WriteAll(ctx, key(id, seq), b.enc.EncodeAll(data, nil), nil); err != nil {
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
