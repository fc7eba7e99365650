package logs_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
)

// A log in a bucket that speaks S3 is kept, cut, read and removed as in a directory.
func TestS3(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("ci-logs"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	where := "s3://ci-logs?region=eu-central-1&use_path_style=true&endpoint=" + server.URL
	text := output(rand.New(rand.NewPCG(5, 5)), 300)
	w := newWorldIn(t, where, text, 1<<30)
	w.source.breaks = 3
	w.follow()
	got := w.read(ci.LogRange{})
	if got != string(text) || w.note() != "" {
		t.Errorf("%d bytes, want %d; they differ at %d; note %q", len(got), len(text), differ(got, string(text)), w.note())
	}
	objects := func() int {
		list, err := backend.ListBucket("ci-logs", nil, gofakes3.ListBucketPage{})
		must(t, err)
		return len(list.Contents)
	}
	if objects() == 0 {
		t.Error("nothing is in the bucket")
	}
	bucket, err := logs.OpenBucket(t.Context(), where)
	must(t, err)
	defer bucket.Close()
	must(t, bucket.Remove(t.Context(), id))
	must(t, bucket.Remove(t.Context(), id)) // again
	if n := objects(); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}
