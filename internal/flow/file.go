package flow

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Files reads repositories at one commit.
type Files interface {
	// File returns a file. The error is ci.ErrNotFound, wrapped, if the commit or the file does not exist, and
	// ci.ErrTooLarge, wrapped, above pipeline.MaxFileBytes.
	File(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error)
	// ChangedPaths returns the paths that an event changed. complete is false if there may be others.
	ChangedPaths(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error)
}

// CloneURLs builds the addresses that the clone container uses.
type CloneURLs interface {
	CloneURL(repo ci.Repo) string
	RevokeURL() string // where a clone token is given back; empty: nowhere
}

// Secrets lists which secrets exist and to whom they are granted.
type Secrets interface {
	Grants(ctx context.Context) ([]ci.Grant, error)
}

// GrantPins stores the ids that names in grants had when they were first seen.
type GrantPins interface {
	// PinGrants stores pins whose names have none yet, and returns all pins of some grants, by the UIDs of the grants.
	PinGrants(ctx context.Context, pins []ci.GrantPin, grants []string) ([]ci.GrantPin, error)
}

// secretKey is the key of the value in a Kubernetes Secret.
const secretKey = "value"

// source is the file of a run and what it is evaluated with. Its zero value is not valid; readFile returns it.
type source struct {
	repo     ci.Repo           // as GitHub named it when the file was read
	file     *pipeline.File    // nil if there are problems
	problems pipeline.Problems // why the file cannot be read
	content  string            // of the file; empty for an API event
	digest   string            // of the content; empty for an API event
	input    pipeline.Input

	supersedes bool   // the file cancels older runs
	coveredBy  string // a sentence if the run of a push covers this pull request; else empty
}

// readFile reads and parses the file at a run's commit, and collects what it is evaluated with: changed paths and
// secrets. A file that is wrong is not an error. The error is ci.ErrNotFound, wrapped, if there is no file.
func (f *Flow) readFile(ctx context.Context, run ci.Run) (source, error) {
	if run.Event.Kind == ci.API {
		return f.commandFile(run)
	}
	src := source{repo: run.Event.Repo}
	data, err := f.github.File(ctx, run.Event.Repo, run.Event.SHA, pipeline.FileName)
	if errors.Is(err, ci.ErrTooLarge) {
		text := fmt.Sprintf("the file is too large; at most %d bytes are allowed", pipeline.MaxFileBytes)
		src.problems = pipeline.Problems{{Line: 1, Column: 1, Text: text}}
		return src, nil
	}
	if err != nil {
		return source{}, err
	}
	src.repo = f.github.Current(run.Event.Repo) // GitHub has just confirmed whose file this is
	run.Event.Repo = src.repo
	src.input = f.input(run)
	src.content = string(data)
	src.digest = digest(data)
	src.file, err = pipeline.Parse(data)
	if errors.As(err, &src.problems) {
		return src, nil
	}
	if err != nil {
		return source{}, err
	}
	src.supersedes = supersedes(src.file, run.Event)
	if run.Attempt == 1 {
		src.coveredBy, err = f.coveringPush(ctx, run.Event, src.file)
		if err != nil || src.coveredBy != "" {
			return src, err
		}
	}
	return src, f.readInputs(ctx, run.Event, &src)
}

// readInputs adds the secrets and the changed paths to a source, if its file needs any.
func (f *Flow) readInputs(ctx context.Context, ev ci.Event, src *source) error {
	if f.secrets != nil && !ev.Fork && asksForSecrets(src.file) {
		if err := f.readSecrets(ctx, ev, &src.input); err != nil {
			return err
		}
	}
	if !src.file.NeedsPaths() {
		return nil
	}
	paths, complete, err := f.github.ChangedPaths(ctx, ev)
	src.input.Paths, src.input.PathsKnown = paths, complete
	return err
}

// commandFile returns the source of a run of one command. The error is ci.ErrInvalid, wrapped, if it cannot be run.
func (f *Flow) commandFile(run ci.Run) (source, error) {
	file, err := pipeline.OneCommand(run.Event.Image, run.Event.Command)
	if err != nil {
		return source{}, fmt.Errorf("%w: %w", ci.ErrInvalid, err)
	}
	return source{repo: run.Event.Repo, file: file, input: f.input(run)}, nil
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// baseDigest returns the digest of the file of a pull request's base branch, or "" if it has none.
func (f *Flow) baseDigest(ctx context.Context, ev ci.Event) (string, error) {
	if ev.BaseSHA == "" {
		return "", nil
	}
	data, err := f.github.File(ctx, ev.Repo, ev.BaseSHA, pipeline.FileName)
	if errors.Is(err, ci.ErrNotFound) || errors.Is(err, ci.ErrTooLarge) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return digest(data), nil
}

// supersedes reports whether older runs are to be cancelled for an event, by the file or by default.
func supersedes(file *pipeline.File, ev ci.Event) bool {
	switch {
	case ev.Kind != ci.PullRequest && ev.Kind != ci.Push:
		return false
	case file.CancelSuperseded != nil:
		return *file.CancelSuperseded
	}
	return ev.Kind == ci.PullRequest
}

// coveringPush returns a sentence if a pull request needs no run of its own: its head was pushed to a branch of the
// same repository, that push has a run, and the file makes no difference between the two.
func (f *Flow) coveringPush(ctx context.Context, ev ci.Event, file *pipeline.File) (string, error) {
	if ev.Kind != ci.PullRequest || ev.Fork || file.Distinguishes() {
		return "", nil
	}
	run, err := f.store.RunOfEvent(ctx, ev.Repo.ID, ev.SHA, ci.Push, "refs/heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("run %s covers this commit.", run.ID), nil
}

// input returns what the file of a run is evaluated with, as far as the run itself tells.
func (f *Flow) input(run ci.Run) pipeline.Input {
	ev := run.Event
	in := pipeline.Input{
		RunID:        string(run.ID),
		JobName:      string(ci.JobNameOf(run.ID, run.Attempt)),
		Attempt:      run.Attempt,
		SHA:          string(ev.SHA),
		Ref:          ev.Ref,
		Branch:       ev.Branch,
		Tag:          ev.Tag,
		Event:        string(ev.Kind),
		PR:           ev.PR,
		PRBase:       ev.PRBase,
		PRBaseSHA:    string(ev.BaseSHA),
		PRAction:     ev.PRAction,
		PRRetargeted: ev.Retargeted,
		Fork:         ev.Fork,
		Actor:        ev.Actor.Login,
	}
	if f.url != "" {
		in.RunURL = f.url + run.ID.Page()
	}
	if ev.Kind != ci.API {
		in.Repo = ev.Repo.FullName()
		in.CloneURL = f.github.CloneURL(ev.Repo)
		in.RevokeURL = f.github.RevokeURL()
	}
	return in
}

// readSecrets adds the secrets that a run may use, and a sentence for each that was granted to a name which another
// repository had then.
func (f *Flow) readSecrets(ctx context.Context, ev ci.Event, in *pipeline.Input) error {
	grants, err := f.secrets.Grants(ctx)
	if err != nil {
		return err
	}
	if err := f.pinGrants(ctx, grants, ev.Repo); err != nil {
		return err
	}
	in.Secrets = map[string]pipeline.SecretRef{}
	in.Refused = map[string]string{}
	for _, g := range grants {
		_, taken := in.Secrets[g.Name]
		if !taken && decide.Granted(ev, g) {
			in.Secrets[g.Name] = pipeline.SecretRef{Name: g.ID, Key: secretKey}
		} else if mismatch := decide.PinMismatch(g, ev.Repo); mismatch != "" {
			in.Refused[g.Name] = mismatch
		}
	}
	return nil
}

// pinGrants sets the Pins of grants: the ids that the names in them had when they were first seen. A name that is new
// means the repository that GitHub has just said has it.
func (f *Flow) pinGrants(ctx context.Context, grants []ci.Grant, repo ci.Repo) error {
	var pins []ci.GrantPin
	var uids []string
	for i := range grants {
		grants[i].Pins = nil
		pins = append(pins, decide.NewPins(grants[i], repo)...)
		uids = append(uids, grants[i].UID)
	}
	pins, err := f.store.PinGrants(ctx, pins, uids)
	if err != nil {
		return err
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

func asksForSecrets(file *pipeline.File) bool {
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			if len(s.Secrets) > 0 {
				return true
			}
		}
	}
	return false
}
