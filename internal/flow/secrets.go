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

// Pins keeps what the names in grants meant when they were first seen.
type Pins interface {
	// PinGrants keeps new pins, unless there are any of these names, and returns all pins of some grants, by their UID.
	PinGrants(ctx context.Context, pins []ci.GrantPin, grants []string) ([]ci.GrantPin, error)
}

// secrets are those that a run may use, when its file asks for any, and sentences about those that it may not because
// the name that they were granted to is another repository's now.
func (f *Flow) secrets(
	ctx context.Context,
	ev ci.Event,
	file *pipeline.File,
) (granted map[string]pipeline.SecretRef, refused map[string]string, err error) {
	if f.Secrets == nil || ev.Fork || !asks(file) {
		return nil, nil, nil
	}
	grants, err := f.Secrets.Grants(ctx)
	if err == nil {
		err = f.pin(ctx, grants, ev.Repo)
	}
	if err != nil {
		return nil, nil, err
	}
	granted, refused = map[string]pipeline.SecretRef{}, map[string]string{}
	for _, g := range grants {
		_, known := granted[g.Name]
		if !known && decide.Granted(ev, g) {
			granted[g.Name] = pipeline.SecretRef{Name: g.ID, Key: secretKey}
		} else if no := decide.Misnamed(g, ev.Repo); no != "" {
			refused[g.Name] = no
		}
	}
	return granted, refused, nil
}

// pin gives grants the ids that their names mean. A name that was not seen before means the repository that GitHub has
// just said has it.
func (f *Flow) pin(ctx context.Context, grants []ci.Grant, repo ci.Repo) error {
	var pins []ci.GrantPin
	var uids []string
	for i := range grants {
		grants[i].Pins = nil
		pins = append(pins, decide.Pins(grants[i], repo)...)
		uids = append(uids, grants[i].UID)
	}
	if f.Pins != nil {
		var err error
		if pins, err = f.Pins.PinGrants(ctx, pins, uids); err != nil {
			return err
		}
	}
	for i := range grants {
		grants[i].Pins = map[string]int64{}
		for _, pin := range pins {
			if pin.Grant == grants[i].UID {
				grants[i].Pins[pin.Name] = pin.ID
			}
		}
	}
	return nil
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
