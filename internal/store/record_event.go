package store

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// eventRecord is a ci.Event in runs.event and in the body of a recovered delivery.
type eventRecord struct {
	Kind       ci.Kind     `json:"Kind"`
	Repo       repoRecord  `json:"Repo"`
	SHA        ci.SHA      `json:"SHA"`
	Ref        string      `json:"Ref"`
	Branch     string      `json:"Branch"`
	Tag        string      `json:"Tag"`
	Title      string      `json:"Title"`
	Actor      actorRecord `json:"Actor"`
	Author     actorRecord `json:"Author"`
	At         time.Time   `json:"At"`
	Deleted    bool        `json:"Deleted"`
	Before     ci.SHA      `json:"Before"`
	PR         int         `json:"PR"`
	PRAction   string      `json:"PRAction"`
	PRBase     string      `json:"PRBase"`
	BaseSHA    ci.SHA      `json:"BaseSHA"`
	Fork       bool        `json:"Fork"`
	Retargeted bool        `json:"Retarget"`
	Comment    int64       `json:"Comment"`
	Body       string      `json:"Body"`
	Command    string      `json:"Command"`
	Image      string      `json:"Image"`
	Removed    []int64     `json:"Removed,omitempty"`
	Object     ci.SHA      `json:"Object,omitempty"`
	SkipCI     bool        `json:"SkipCI,omitempty"`
	HeadBy     actorRecord `json:"HeadBy,omitzero"`
	Requested  bool        `json:"Asked"`
	NotHead    bool        `json:"Past"`
}

// repoRecord is a ci.Repo in statuses.repo, and the repository of an event.
type repoRecord struct {
	ID            int64  `json:"ID"`
	Owner         string `json:"Owner"`
	Name          string `json:"Name"`
	Private       bool   `json:"Private"`
	Installation  int64  `json:"Installation"`
	DefaultBranch string `json:"DefaultBranch"`
	OwnerID       int64  `json:"OwnerID,omitempty"`
}

// actorRecord is a ci.Actor of an event.
type actorRecord struct {
	ID    int64  `json:"ID"`
	Login string `json:"Login"`
}

func newEventRecord(ev ci.Event) eventRecord {
	return eventRecord{
		Kind:       ev.Kind,
		Repo:       newRepoRecord(ev.Repo),
		SHA:        ev.SHA,
		Ref:        ev.Ref,
		Branch:     ev.Branch,
		Tag:        ev.Tag,
		Title:      ev.Title,
		Actor:      newActorRecord(ev.Actor),
		Author:     newActorRecord(ev.Author),
		At:         ev.At,
		Deleted:    ev.Deleted,
		Before:     ev.Before,
		PR:         ev.PR,
		PRAction:   ev.PRAction,
		PRBase:     ev.PRBase,
		BaseSHA:    ev.BaseSHA,
		Fork:       ev.Fork,
		Retargeted: ev.Retargeted,
		Comment:    ev.Comment,
		Body:       ev.Body,
		Command:    ev.Command,
		Image:      ev.Image,
		Removed:    ev.Removed,
		Object:     ev.Object,
		SkipCI:     ev.SkipCI,
		HeadBy:     newActorRecord(ev.HeadBy),
		Requested:  ev.Requested,
		NotHead:    ev.NotHead,
	}
}

func (r eventRecord) event() ci.Event {
	return ci.Event{
		Kind:       r.Kind,
		Repo:       r.Repo.repo(),
		SHA:        r.SHA,
		Ref:        r.Ref,
		Branch:     r.Branch,
		Tag:        r.Tag,
		Title:      r.Title,
		Actor:      r.Actor.actor(),
		Author:     r.Author.actor(),
		At:         r.At,
		Deleted:    r.Deleted,
		Before:     r.Before,
		PR:         r.PR,
		PRAction:   r.PRAction,
		PRBase:     r.PRBase,
		BaseSHA:    r.BaseSHA,
		Fork:       r.Fork,
		Retargeted: r.Retargeted,
		Comment:    r.Comment,
		Body:       r.Body,
		Command:    r.Command,
		Image:      r.Image,
		Removed:    r.Removed,
		Object:     r.Object,
		SkipCI:     r.SkipCI,
		HeadBy:     r.HeadBy.actor(),
		Requested:  r.Requested,
		NotHead:    r.NotHead,
	}
}

func newRepoRecord(r ci.Repo) repoRecord { return repoRecord(r) }

func (r repoRecord) repo() ci.Repo { return ci.Repo(r) }

func newActorRecord(a ci.Actor) actorRecord { return actorRecord(a) }

func (r actorRecord) actor() ci.Actor { return ci.Actor(r) }

func encodeEvent(ev ci.Event) ([]byte, error) { return encodeRecord(newEventRecord(ev)) }

func decodeEvent(data []byte) (ci.Event, error) {
	record, err := decodeRecord[eventRecord](data)
	return record.event(), err
}

func encodeRepo(r ci.Repo) ([]byte, error) { return encodeRecord(newRepoRecord(r)) }

func decodeRepo(data []byte) (ci.Repo, error) {
	record, err := decodeRecord[repoRecord](data)
	return record.repo(), err
}
