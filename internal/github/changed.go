package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxChanged bounds how many changed paths are read. GitHub lists no more than this for a pull request
// (docs.github.com, "List pull requests files").
const maxChanged = 3000

// changedFile is a file in a list of changes. Its patch, which can be large, is not decoded.
type changedFile struct {
	Name     string `json:"filename"`
	Previous string `json:"previous_filename"`
}

// pullChanges lists the paths that a pull request changes. If a call fails, for example because the time of the
// delivery is over, the pages that were read are kept for the next try. The list is incomplete if the pull request has
// another head or base by now, because GitHub lists the files of its current head.
func (c *Client) pullChanges(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error) {
	key := changesKey{
		repo: ev.Repo.ID,
		name: ev.Repo.FullName(),
		pull: ev.PR,
		base: ev.PRBase,
		head: ev.SHA,
	}
	list := c.partial.take(key)
	for list.next != 0 {
		files, next, err := c.changedFiles(ctx, ev, list.next)
		if err != nil {
			c.partial.keep(key, list)
			return nil, false, fmt.Errorf("files of pull request #%d: github: %w", ev.PR, err)
		}
		list.add(files, next)
	}
	now, err := c.Pull(ctx, ev.Repo, ev.PR)
	if err != nil {
		c.partial.keep(key, list)
		return nil, false, err
	}
	return list.paths, list.files < maxChanged && now.Head == ev.SHA && now.Base == ev.PRBase, nil
}

// changedFiles reads one page of a pull request's files. It returns the number of the next page, or 0.
func (c *Client) changedFiles(ctx context.Context, ev ci.Event, page int) ([]changedFile, int, error) {
	client := c.pullClient(ev.Repo)
	path := fmt.Sprintf("repos/%s/%s/pulls/%d/files?page=%d&per_page=100", ev.Repo.Owner, ev.Repo.Name, ev.PR, page)
	req, err := client.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, 0, err
	}
	res, err := client.BareDo(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	files, err := readChangedFiles(res.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("page %d: %w", page, err)
	}
	return files, res.NextPage, nil
}

var errNotList = errors.New("not a list of files")

// readChangedFiles decodes one element at a time, so that only one patch is in memory.
func readChangedFiles(r io.Reader) (files []changedFile, err error) {
	dec := json.NewDecoder(r)
	start, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if start != json.Delim('[') {
		return nil, errNotList
	}
	for dec.More() {
		var f changedFile
		if err := dec.Decode(&f); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	_, err = dec.Token()
	return files, err
}

// changesKey identifies a list of changed files.
type changesKey struct {
	repo int64
	name string // of the repository; what was read under another name may belong to another repository
	pull int
	base string
	head ci.SHA
}

// changesList is a list of changed files that is read page by page.
type changesList struct {
	paths []string
	files int
	bytes int
	next  int // the next page; 0 if the list is complete
	kept  time.Time
}

func (l *changesList) add(files []changedFile, next int) {
	for _, f := range files {
		l.paths = append(l.paths, f.Name)
		if f.Previous != "" {
			l.paths = append(l.paths, f.Previous)
		}
		l.bytes += len(f.Name) + len(f.Previous)
	}
	l.files, l.next = l.files+len(files), next
}

// Bounds of the lists that are kept between the tries of deliveries.
const (
	maxPartialBytes = 32 << 20 // of paths; the longest list that GitHub makes has 3,000 files with two paths of 4 KiB
	maxPartialAge   = 15 * time.Minute
)

// partialChanges keeps lists of changed files that were read in part. If one is forgotten, it is only read again.
type partialChanges struct {
	mu    sync.Mutex
	lists map[changesKey]changesList
	bytes int
}

// take removes and returns the list to continue, or returns a new one.
func (p *partialChanges) take(key changesKey) changesList {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, ok := p.lists[key]
	if !ok {
		return changesList{next: 1}
	}
	p.drop(key)
	if time.Since(list.kept) > maxPartialAge {
		return changesList{next: 1}
	}
	return list
}

// keep stores a list for the next try. It drops the oldest lists if they take too much memory.
func (p *partialChanges) keep(key changesKey, list changesList) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list.files == 0 {
		return
	}
	p.drop(key)
	list.kept = time.Now()
	for p.bytes+list.bytes > maxPartialBytes && len(p.lists) > 0 {
		p.drop(p.oldest())
	}
	if p.lists == nil {
		p.lists = map[changesKey]changesList{}
	}
	p.lists[key], p.bytes = list, p.bytes+list.bytes
}

func (p *partialChanges) drop(key changesKey) {
	p.bytes -= p.lists[key].bytes
	delete(p.lists, key)
}

func (p *partialChanges) oldest() (oldest changesKey) {
	var at time.Time
	for key, list := range p.lists {
		if at.IsZero() || list.kept.Before(at) {
			oldest, at = key, list.kept
		}
	}
	return oldest
}
