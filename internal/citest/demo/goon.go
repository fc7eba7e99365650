package main

import (
	"os"
	"path/filepath"
)

// goOn prints commands for the next steps, ready to be pasted.
func (d *demo) goOn(red job) {
	yaci := "http://" + d.server.address
	token := "-H 'Authorization: Bearer " + apiToken + "'"
	api, as := d.github.APIURL()+"repos/"+d.repo.FullName(), "-H 'Authorization: Bearer "+d.ada.Token+"'"
	d.line("")
	if os.Getenv("WAIT") == "" {
		d.line("%s (these need everything up: %s)", d.bold("How to go on"), d.bold("WAIT=1 make demo"))
	} else {
		d.line("%s in another terminal; what runs is shown here. Ctrl-C ends it; make cluster-down ends the cluster, too.", d.bold("Go on"))
	}
	for _, step := range []struct {
		what     string
		commands []string
	}{
		{"push again", []string{
			"cd " + filepath.Clean(d.clone.Dir),
			"git revert --no-edit HEAD && git push",
		}},
		{"open a pull request", []string{
			"git switch -c topic && git commit --allow-empty -m Change && git push -u origin topic",
			"curl " + as + " " + api + `/pulls -d '{"title":"Change","head":"topic","base":"main"}'`,
		}},
		{"run a command, then see its output", []string{
			"curl " + token + " " + yaci + "/run -d 'echo great success'",
			"curl " + token + " '" + yaci + "/get?id=NAME'",
		}},
		{"retry the red run", []string{"curl -X POST " + token + " '" + yaci + "/retry?id=" + red.name + "'"}},
		{"ask GitHub for the status of main", []string{"curl " + as + " " + api + "/commits/main/status"}},
	} {
		d.line("")
		d.line("  %s", d.dim("# "+step.what))
		for _, c := range step.commands {
			d.line("  %s", c)
		}
	}
}
