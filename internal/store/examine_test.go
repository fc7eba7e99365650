package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/yaci-ci/yaci/internal/store"
)

func TestExamine(t *testing.T) {
	for name, where := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "yaci.db"), "postgres": postgres.URL(t)} {
		t.Run(name, func(t *testing.T) {
			if h, err := store.Examine(t.Context(), where); err != nil || !h.New {
				t.Errorf("before the first start: %+v, %v", h, err)
			}
			s := open(t, where)
			before, err := s.Schema(t.Context())
			must(t, err)
			h, err := store.Examine(t.Context(), where)
			if err != nil || h.New || h.Version != h.Latest || h.Latest < 23 {
				t.Errorf("%+v, %v", h, err)
			}
			after, err := s.Schema(t.Context())
			must(t, err)
			if after != before {
				t.Errorf("the schema changed:\n%s", after)
			}
			must(t, s.Down(t.Context()))
			h, err = store.Examine(t.Context(), where)
			if err != nil || h.Version != 0 || h.Latest < 23 && !h.New {
				t.Errorf("an old one: %+v, %v", h, err)
			}
		})
	}
	damaged := filepath.Join(t.TempDir(), "yaci.db")
	must(
		t,
		os.WriteFile(
			damaged,
			[]byte(
				"this is no database at all, but long enough to be read as one, and so on and so on, for more than a hundred bytes",
			),
			0o600,
		),
	)
	if _, err := store.Examine(t.Context(), damaged); err == nil {
		t.Error("a damaged file is good")
	}
	if _, err := store.Examine(t.Context(), "postgres://nobody@127.0.0.1:1/none"); err == nil {
		t.Error("a server that is not there is good")
	}
}
