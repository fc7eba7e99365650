package citest

import (
	"slices"
	"time"
)

// Check is one check run that was created.
type Check struct {
	ID                                       int64
	Name, SHA, ExternalID, DetailsURL        string
	Status, Conclusion, Title, Summary, Text string
	Annotations                              []CheckAnnotation
	started, completed                       time.Time
}

// CheckAnnotation is one of its remarks on a line.
type CheckAnnotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn int    `json:"start_column"`
	Level       string `json:"annotation_level"`
	Message     string `json:"message"`
	Title       string `json:"title"`
}

// Checks are all check runs of a commit, oldest first.
func (r *Repo) Checks(sha string) (list []Check) {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	for _, c := range r.checks {
		if c.SHA == sha {
			list = append(list, c)
		}
	}
	return list
}

// Rerequest is somebody's click on Re-run.
func (r *Repo) Rerequest(c Check, by User) {
	r.gh.mu.Lock()
	own := object{"action": "rerequested", "check_run": r.renderCheck(c)}
	r.gh.mu.Unlock()
	r.gh.emit("check_run", r, by, own)
}

func (gh *GitHub) checkRoutes() []route {
	return []route{{
		method:     "POST",
		path:       "/repos/{owner}/{repo}/check-runs",
		permission: "checks:write",
		handle:     createCheck,
	}}
}

func createCheck(c *call) (answer, error) {
	if c.by.kind != AuthInstallation {
		return answer{}, apiError{403, "You must authenticate via a GitHub App."}
	}
	var body struct {
		Name       string    `json:"name"`
		HeadSHA    string    `json:"head_sha"`
		DetailsURL string    `json:"details_url"`
		ExternalID string    `json:"external_id"`
		Status     string    `json:"status"`
		Conclusion string    `json:"conclusion"`
		Started    time.Time `json:"started_at"`
		Completed  time.Time `json:"completed_at"`
		Output     struct {
			Title, Summary, Text string
			Annotations          []CheckAnnotation
		}
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	switch {
	case commitOf(c.repo.dir, body.HeadSHA) != body.HeadSHA:
		return answer{}, noCommit(body.HeadSHA)
	case len(body.Output.Annotations) > 50:
		return answer{}, validationError{"CheckRun", "annotations", "no more than 50 annotations are allowed"}
	case len(body.Output.Text) > 65535 || len(body.Output.Summary) > 65535:
		return answer{}, validationError{"CheckRun", "output", "is too long (maximum is 65535 characters)"}
	case slices.ContainsFunc(body.Output.Annotations, func(a CheckAnnotation) bool { return a.StartColumn > 0 && a.StartLine != a.EndLine }):
		return answer{}, validationError{"CheckRun", "annotations", "columns are for annotations of one line"}
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	check := Check{
		c.gh.newID(),
		body.Name,
		body.HeadSHA,
		body.ExternalID,
		body.DetailsURL,
		body.Status,
		body.Conclusion,
		body.Output.Title,
		body.Output.Summary,
		body.Output.Text,
		body.Output.Annotations,
		body.Started,
		body.Completed,
	}
	c.repo.checks = append(c.repo.checks, check)
	c.gh.notify()
	return created(c.repo.renderCheck(check)), nil
}

// renderCheck is a "check-run". gh.mu must be held.
func (r *Repo) renderCheck(c Check) object {
	moment := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return stamp(t)
	}

	url := r.api() + "/check-runs/" + itoa(c.ID)
	return object{
		"id": c.ID, "node_id": nodeID("CR", c.ID), "head_sha": c.SHA, "name": c.Name, "external_id": c.ExternalID, "url": url, "html_url": r.gh.url + "/" + r.FullName() + "/runs/" + itoa(c.ID),
		"details_url": textOrNull(
			c.DetailsURL,
		), "status": c.Status, "conclusion": textOrNull(c.Conclusion), "started_at": moment(c.started), "completed_at": moment(c.completed),
		"output": object{
			"title":             textOrNull(c.Title),
			"summary":           textOrNull(c.Summary),
			"text":              textOrNull(c.Text),
			"annotations_count": len(c.Annotations),
			"annotations_url":   url + "/annotations",
		},
		"check_suite": object{"id": 5}, "app": r.gh.renderApp(), "pull_requests": []object{},
	}
}
