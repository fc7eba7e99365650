package store_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestAnswers(t *testing.T) { both(t, answers) }

// A key belongs to who comes first, until its answer is there for all, or it is given back.
func answers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	begin := func(want bool) ci.IdempotentResponse {
		t.Helper()
		a, claimed, err := s.ClaimIdempotencyKey(ctx, "k", "POST /run")
		must(t, err)
		if claimed != want {
			t.Errorf("claimed %v, want %v", claimed, want)
		}
		return a
	}
	begin(true)
	a := begin(false)
	if a.Status != 0 || a.Request != "POST /run" {
		t.Errorf("under way: %+v", a)
	}
	must(t, s.SaveIdempotentResponse(ctx, "k", ci.IdempotentResponse{}))
	begin(true)
	must(t, s.SaveIdempotentResponse(ctx, "k", ci.IdempotentResponse{Status: 200, Body: []byte("{}")}))
	must(t, s.SaveIdempotentResponse(ctx, "k", ci.IdempotentResponse{Status: 500}))
	a = begin(false)
	if a.Status != 200 || string(a.Body) != "{}" {
		t.Errorf("answered: %+v", a)
	}
}
