package flow

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Secrets tells what secrets there are and who may use them.
type Secrets interface {
	Grants(ctx context.Context) ([]ci.Grant, error)
}

// secretKey is where in its Secret a value is.
const secretKey = "value"

// secrets are those that a run may use, when its file asks for any.
func (f *Flow) secrets(ctx context.Context, ev ci.Event, file *pipeline.File) (map[string]pipeline.SecretRef, error) {
	if f.Secrets == nil || ev.Fork || !asks(file) {
		return nil, nil
	}
	grants, err := f.Secrets.Grants(ctx)
	if err != nil {
		return nil, err
	}
	granted := map[string]pipeline.SecretRef{}
	for _, g := range grants {
		if _, known := granted[g.Name]; !known && decide.Granted(ev, g) {
			granted[g.Name] = pipeline.SecretRef{Name: g.ID, Key: secretKey}
		}
	}
	return granted, nil
}

func asks(file *pipeline.File) bool {
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			if len(s.Secrets) > 0 {
				return true
			}
		}
	}
	return false
}
