package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/wire"
)

// repo is the commands about what repositories may read of each other. They call the server.
type repo struct {
	URL      string `name:"url" env:"YACI_URL" help:"Address of the server, as https://ci.example.com."`
	APIToken string `name:"api-token" env:"YACI_API_TOKEN" help:"A token for admin; the server's own YACI_API_TOKEN is one."`

	Allow    repoAllow    `cmd:"" help:"Let the runs of another repository clone this one, for example as a submodule."`
	Disallow repoDisallow `cmd:"" help:"Take that back."`
	Access   repoAccess   `cmd:"" help:"List which repositories the runs of others may clone."`
}

func (r repo) server() (client.Client, error) {
	return token{URL: r.URL, APIToken: r.APIToken}.server()
}

type repoAllow struct {
	Repo string `arg:"" help:"Repository that may be read, owner/name."`
	From string `required:"" placeholder:"OWNER/NAME" help:"Repository whose runs may read it. Runs of forks never do."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run allows access.
func (c repoAllow) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	var allowed wire.Access
	asked := map[string]string{"repo": c.Repo, "from": c.From}
	if err := server.Do(ctx, "POST", "/api/v1/access", asked, &allowed); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, allowed)
	}
	_, err = fmt.Fprintf(out.stderr, "Runs of %s may read %s from now on.\n", allowed.From.Name, allowed.Repo.Name)
	return err
}

type repoDisallow struct {
	Repo string `arg:"" help:"Repository that may be read, owner/name or its number."`
	From string `required:"" placeholder:"OWNER/NAME" help:"Repository whose runs may read it, owner/name or its number."`
}

// Run removes access. It is found in the list, by the names that were given
// when it was allowed or by numbers, since a repository may have another name now.
func (c repoDisallow) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	list, err := accessOf(ctx, server)
	if err != nil {
		return err
	}
	is := func(ref wire.RepoRef, said string) bool {
		return strings.EqualFold(ref.Name, said) || fmt.Sprint(ref.ID) == said
	}
	for _, one := range list {
		if !is(one.Repo, c.Repo) || !is(one.From, c.From) {
			continue
		}
		if err := server.Do(ctx, "DELETE", fmt.Sprintf("/api/v1/access/%d/%d", one.Repo.ID, one.From.ID), nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out.stderr, "Runs of %s cannot read %s any more.\n", one.From.Name, one.Repo.Name)
		return err
	}
	return fmt.Errorf("runs of %s were not allowed to read %s; yaci repo access lists what is allowed", c.From, c.Repo)
}

type repoAccess struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists.
func (c repoAccess) Run(ctx context.Context, r *repo, out output) error {
	server, err := r.server()
	if err != nil {
		return err
	}
	list, err := accessOf(ctx, server)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, list)
	}
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REPOSITORY\tMAY BE READ BY\tALLOWED\tBY")
	for _, a := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Repo.Name, a.From.Name, day(&a.Allowed), a.By)
	}
	return w.Flush()
}

func accessOf(ctx context.Context, server client.Client) ([]wire.Access, error) {
	var page struct {
		Access []wire.Access `json:"access"`
	}
	err := server.Do(ctx, "GET", "/api/v1/access", nil, &page)
	return page.Access, err
}
