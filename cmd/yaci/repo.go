package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// repo has the commands about which repositories the runs of others may clone.
type repo struct {
	adminRemote

	Allow    repoAllow    `cmd:"" help:"Let the runs of another repository clone this one, for example as a submodule."`
	Disallow repoDisallow `cmd:"" help:"Revoke what yaci repo allow has granted."`
	Access   repoAccess   `cmd:"" help:"List which repositories the runs of others may clone."`
}

// repoAllow grants access.
type repoAllow struct {
	Repo string `arg:"" help:"Repository to be cloned, owner/name."`
	From string `required:"" placeholder:"OWNER/NAME" help:"Repository whose runs may clone it. Runs of forks never may."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run grants access.
func (c repoAllow) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	var allowed wire.Access
	request := map[string]string{"repo": c.Repo, "from": c.From}
	if err := server.Do(ctx, "POST", "/api/v1/access", request, &allowed); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, allowed)
	}
	_, err = fmt.Fprintf(out.stderr, "Runs of %s may clone %s from now on.\n", allowed.From.Name, allowed.Repo.Name)
	return err
}

// repoDisallow revokes access.
type repoDisallow struct {
	Repo string `arg:"" help:"Repository to be cloned, owner/name or its id."`
	From string `required:"" placeholder:"OWNER/NAME" help:"Repository whose runs may clone it, owner/name or its id."`
}

// Run revokes access. It looks for the repositories in the list of what was allowed, by the names at that time or by
// id, since a repository may have another name now.
func (c repoDisallow) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	list, err := listAccess(ctx, server)
	if err != nil {
		return err
	}
	is := func(ref wire.RepoRef, arg string) bool {
		return strings.EqualFold(ref.Name, arg) || fmt.Sprint(ref.ID) == arg
	}
	for _, a := range list {
		if !is(a.Repo, c.Repo) || !is(a.From, c.From) {
			continue
		}
		path := fmt.Sprintf("/api/v1/access/%d/%d", a.Repo.ID, a.From.ID)
		if err := server.Do(ctx, "DELETE", path, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out.stderr, "Runs of %s can no longer clone %s.\n", a.From.Name, a.Repo.Name)
		return err
	}
	return fmt.Errorf("runs of %s were not allowed to clone %s; yaci repo access lists what is allowed", c.From, c.Repo)
}

// repoAccess lists access.
type repoAccess struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a table of what is allowed.
func (c repoAccess) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	list, err := listAccess(ctx, server)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, list)
	}
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REPOSITORY\tMAY BE CLONED BY\tALLOWED\tBY")
	for _, a := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Repo.Name, a.From.Name, date(&a.Allowed), a.By)
	}
	return w.Flush()
}

func listAccess(ctx context.Context, server *client.Client) ([]wire.Access, error) {
	var page struct {
		Access []wire.Access `json:"access"`
	}
	err := server.Do(ctx, "GET", "/api/v1/access", nil, &page)
	return page.Access, err
}
