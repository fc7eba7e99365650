package citest

import (
	"net/http"
	"slices"
	"time"
)

// checkRun is one check run; only Apps may make them.
type checkRun struct {
	id         int64
	sha        string
	name       string
	details    string
	external   string
	status     string
	conclusion string
	title      string
	summary    string
	text       string
	notes      int // annotations
	started    time.Time
	completed  time.Time
}

// CheckRun is what tests see of a check run.
type CheckRun struct {
	ID                     int64
	SHA, Name              string
	Status, Conclusion     string
	Title, Summary, Text   string
	DetailsURL, ExternalID string
	Annotations            int
}

// CheckRuns are the check runs of a commit, oldest first.
func (r *Repo) CheckRuns(sha string) []CheckRun {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	var out []CheckRun
	for _, k := range r.checks {
		if k.sha == sha {
			out = append(out, CheckRun{k.id, k.sha, k.name, k.status, k.conclusion, k.title, k.summary, k.text, k.details, k.external, k.notes})
		}
	}
	return out
}

// checkBody is what both calls take; nil is not given.
type checkBody struct {
	Name       *string `json:"name"`
	SHA        string  `json:"head_sha"`
	Details    *string `json:"details_url"`
	External   *string `json:"external_id"`
	Status     *string `json:"status"`
	Conclusion *string `json:"conclusion"`
	Output     struct {
		Title       *string `json:"title"`
		Summary     *string `json:"summary"`
		Text        *string `json:"text"`
		Annotations []any   `json:"annotations"`
	} `json:"output"`
}

// maxAnnotations is how many GitHub takes in one request.
const maxAnnotations = 50

// apply writes what was given.
func (k *checkRun) apply(b checkBody, now time.Time) error {
	if len(b.Output.Annotations) > maxAnnotations {
		return validationError{"CheckRun", "annotations", "annotations exceeds a maximum quantity of 50"}
	}
	for to, from := range map[*string]*string{
		&k.name: b.Name, &k.details: b.Details, &k.external: b.External, &k.status: b.Status, &k.conclusion: b.Conclusion,
		&k.title: b.Output.Title, &k.summary: b.Output.Summary, &k.text: b.Output.Text,
	} {
		if from != nil {
			*to = *from
		}
	}
	k.notes += len(b.Output.Annotations)
	if b.Conclusion != nil {
		k.status, k.completed = "completed", now
	}
	if k.status == "completed" && k.conclusion == "" {
		return validationError{"CheckRun", "conclusion", "conclusion is needed for status completed"}
	}
	return nil
}

func createCheck(c *call) (answer, error) {
	if c.by.kind != AuthInstallation {
		return answer{}, apiError{http.StatusForbidden, "You must authenticate via a GitHub App."}
	}
	var b checkBody
	if err := c.decode(&b); err != nil {
		return answer{}, err
	}
	if commitOf(c.repo.dir, b.SHA) != b.SHA {
		return answer{}, noCommit(b.SHA)
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	k := &checkRun{id: c.gh.newID(), sha: b.SHA, status: "queued", started: c.gh.opts.Now()}
	if err := k.apply(b, c.gh.opts.Now()); err != nil {
		return answer{}, err
	}
	c.repo.checks = append(c.repo.checks, k)
	c.gh.notify()
	return created(c.repo.renderCheck(k)), nil
}

func updateCheck(c *call) (answer, error) {
	var b checkBody
	if err := c.decode(&b); err != nil {
		return answer{}, err
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	i := slices.IndexFunc(c.repo.checks, func(k *checkRun) bool { return itoa(k.id) == c.params["check_run_id"] })
	if i < 0 {
		return answer{}, errNotFound
	}
	if err := c.repo.checks[i].apply(b, c.gh.opts.Now()); err != nil {
		return answer{}, err
	}
	c.gh.notify()
	return ok(c.repo.renderCheck(c.repo.checks[i])), nil
}

// renderCheck is a "check-run". gh.mu must be held.
func (r *Repo) renderCheck(k *checkRun) object {
	url := r.api() + "/check-runs/" + itoa(k.id)
	return object{
		"id": k.id, "node_id": nodeID("CR", k.id), "head_sha": k.sha, "name": k.name, "url": url,
		"html_url": r.gh.url + "/" + r.FullName() + "/runs/" + itoa(k.id), "details_url": textOrNull(k.details),
		"external_id": k.external, "status": k.status, "conclusion": textOrNull(k.conclusion),
		"started_at": stamp(k.started), "completed_at": stampOrNull(k.completed), "check_suite": object{"id": k.id},
		"output": object{
			"title": textOrNull(k.title), "summary": textOrNull(k.summary), "text": textOrNull(k.text),
			"annotations_count": k.notes, "annotations_url": url + "/annotations",
		},
		"app": r.gh.renderApp(), "pull_requests": []object{},
	}
}
