package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Examine judges facts. Every check has a finding, in the order of the way of a push.
func Examine(f Facts) (all []Finding) {
	all = append(all, settings(f.Settings)...)
	all = append(all, database(f.Database))
	all = append(all, github(f.GitHub)...)
	all = append(all, rights(f.Cluster))
	all = append(all, grants(f.Grants)...)
	if f.Cluster.Err == nil {
		all = append(all, builds(f.Builds)...)
		all = append(all, forks(f.Forks)...)
	}
	return all
}

// grants are findings only where a name in a grant has passed to somebody else.
func grants(sentences []string) (all []Finding) {
	for _, s := range sentences {
		found, mend, ok := strings.Cut(s, ", so ")
		if !ok {
			mend = "Grant it anew by its id."
		}
		all = append(
			all,
			Finding{
				"secrets",
				Warning,
				strings.ToUpper(found[:1]) + found[1:] + ".",
				strings.ToUpper(mend[:1]) + mend[1:] + ".",
			},
		)
	}
	return all
}

func settings(problems []string) (all []Finding) {
	for _, p := range problems {
		what, mend, ok := strings.Cut(p, ": ")
		if !ok {
			mend = "Correct it."
		}
		all = append(all, Finding{"settings", Problem, strings.TrimSuffix(what, ".") + ".", mend})
	}
	if all == nil {
		all = []Finding{{"settings", Good, "Complete.", ""}}
	}
	return all
}

// maxDatabaseSkew is more than a measurement over a slow connection can be wrong.
const maxDatabaseSkew = 5 * time.Second

func database(d Database) Finding {
	f := Finding{Check: "database"}
	switch {
	case d.Err != nil:
		f.Level = Problem
		f.Found = d.Err.Error()
		f.Mend = "See that YACI_DATABASE_URL is right, and that this user may read and write there."
	case d.New:
		f.Level, f.Found = Good, "There is none yet; yaci serve makes it."
	case d.Version > d.Latest:
		f.Level = Problem
		f.Found = fmt.Sprintf("It is of a newer YACI: its schema is %d, and this YACI knows %d.", d.Version, d.Latest)
		f.Mend = "Run the newer YACI, or go back to a backup from before it."
	case d.Version < d.Latest:
		f.Level = Warning
		f.Found = fmt.Sprintf("Its schema is %d; this YACI has %d.", d.Version, d.Latest)
		f.Mend = "Start yaci serve of this version: it migrates. Make a backup first."
	case d.Skew.Abs() > maxDatabaseSkew:
		f.Level = Warning
		f.Found = fmt.Sprintf("Its clock differs from this machine's by %v.", d.Skew.Abs().Round(time.Second))
		f.Mend = "YACI goes by the database's clock, so builds are not affected. Set both by NTP: the times in logs differ."
	default:
		f.Level, f.Found = Good, fmt.Sprintf("Opens, can be written, and is of schema %d, the newest.", d.Version)
	}
	return f
}

// needed is what the App must have (docs.github.com, "Permissions required for GitHub Apps").
func needed(checks bool) map[string]string {
	all := map[string]string{"contents": "read", "metadata": "read", "statuses": "write", "pull_requests": "write"}
	if checks {
		all["checks"] = "write"
	}
	return all
}

// welcome are permissions that some of what YACI does needs, and an App may do without.
func welcome() map[string]string { return map[string]string{"merge_queues": "read"} }

func heard(checks bool) []string {
	all := []string{"push", "pull_request", "merge_group", "issue_comment", "repository", "public"}
	if checks {
		all = append(all, "check_run")
	}
	return all
}

func github(g GitHub) (all []Finding) {
	if g.Clock {
		all = append(all, clock(g.Skew))
	}
	if g.Err != nil {
		return append(
			all,
			Finding{
				"GitHub",
				Problem,
				g.Err.Error(),
				"See that YACI_GITHUB_API_URL can be reached from here, and that the App's id and key, or the token, are right.",
			},
		)
	}
	if g.Personal {
		return append(
			all,
			Finding{"GitHub", Good, "The personal token is taken.", ""},
			Finding{
				"webhook",
				Unknown,
				"With a personal token each repository has its own webhook, which is not looked at.",
				"Use a GitHub App, and deliveries that were lost are found again, too.",
			},
		)
	}
	return append(all, permissions(g), events(g), webhook(g))
}

func clock(skew time.Duration) Finding {
	f := Finding{Check: "clock", Level: Good, Found: "Agrees with GitHub's."}
	if off := skew.Abs(); off > 15*time.Second { // the App's key is good for calls of this minute
		f.Level = Warning
		if off > 50*time.Second {
			f.Level = Problem
		}
		f.Found = fmt.Sprintf("This machine's clock differs from GitHub's by %v.", off.Round(time.Second))
		f.Mend = "Set it by NTP: GitHub takes no call of an App whose clock is a minute wrong."
	}
	return f
}

func permissions(g GitHub) Finding {
	rank := []string{"", "read", "write", "admin"}
	var lacks, more []string
	for name, level := range needed(g.Checks) {
		if slices.Index(rank, g.Permissions[name]) < slices.Index(rank, level) {
			lacks = append(lacks, name+": "+level)
		}
	}
	for name, level := range g.Permissions {
		if want := max(slices.Index(rank, needed(g.Checks)[name]), slices.Index(rank, welcome()[name])); slices.Index(
			rank,
			level,
		) > want {
			more = append(more, name+": "+level)
		}
	}
	slices.Sort(lacks)
	slices.Sort(more)
	switch {
	case len(lacks) > 0:
		return Finding{
			"App permissions",
			Problem,
			"The App " + g.App + " lacks " + strings.Join(lacks, ", ") + ".",
			"Add them in " + settingsOf(g) + ", and accept the change where it is installed.",
		}
	case len(more) > 0:
		return Finding{
			"App permissions",
			Warning,
			"The App " + g.App + " has more than it needs: " + strings.Join(more, ", ") + ".",
			"Take these away in " + settingsOf(g) + ".",
		}
	}
	return Finding{"App permissions", Good, "The App " + g.App + " has what it needs and no more.", ""}
}

// settingsOf is where an App's permissions and events are changed.
func settingsOf(g GitHub) string {
	if g.Settings == "" {
		return "the App's settings"
	}
	return "the App's settings (" + g.Settings + ")"
}

// optional are events without which most of YACI works, and what goes wrong without each.
func optional() map[string]string {
	const late = "names and visibility of repositories are up to a minute late on pages"
	return map[string]string{
		"merge_group": "merge queues will never complete",
		"repository":  late + ", and runs of archived and deleted repositories go on",
		"public":      late,
	}
}

func events(g GitHub) Finding {
	var lacks, effects []string
	needed := false
	for _, e := range heard(g.Checks) {
		if slices.Contains(g.Events, e) {
			continue
		}
		lacks = append(lacks, e)
		effect, ok := optional()[e]
		needed = needed || !ok
		if ok && !slices.Contains(effects, effect) {
			effects = append(effects, effect)
		}
	}
	f := Finding{
		Check: "App events",
		Level: Good,
		Found: "The App is subscribed to " + strings.Join(heard(g.Checks), ", ") + ".",
	}
	if len(lacks) == 0 {
		return f
	}
	f.Level, f.Mend = Warning, "Subscribe to them in "+settingsOf(g)+"."
	f.Found = "The App is not subscribed to " + strings.Join(lacks, ", ") + "."
	if needed {
		f.Level = Problem
	}
	if len(effects) > 0 {
		f.Found = strings.TrimSuffix(f.Found, ".") + ": " + strings.Join(effects, "; ") + "."
	}
	return f
}

// webhook judges by what GitHub remembers of its last deliveries.
func webhook(g GitHub) Finding {
	f := Finding{Check: "webhook"}
	refused := slices.IndexFunc(g.Sent, func(s ci.HookDelivery) bool { return s.Code >= 300 || s.Code == 0 })
	switch {
	case g.HookErr != nil:
		f.Level = Unknown
		f.Found = g.HookErr.Error()
		f.Mend = "See the App's settings, under Advanced."
	case g.Hook == "":
		f.Level = Problem
		f.Found = "The App has no webhook."
		f.Mend = "Set its address in the App's settings: where this server is reached, and /webhook."
	case !strings.HasSuffix(g.Hook, "/webhook"):
		f.Level = Problem
		f.Found = "GitHub delivers to " + g.Hook + ", which is no address of YACI's."
		f.Mend = "Let it end in /webhook."
	case g.PublicURL != "" && strings.TrimSuffix(g.PublicURL, "/")+"/webhook" != g.Hook:
		f.Level = Warning
		f.Found = "GitHub delivers to " + g.Hook + ", and YACI_PUBLIC_URL is " + g.PublicURL + "."
		f.Mend = "Make them agree, unless two addresses are meant."
	case len(g.Sent) == 0:
		f.Level = Warning
		f.Found = "GitHub has delivered nothing to " + g.Hook + " in three days."
		f.Mend = "Install the App on a repository and push."
	case refused == 0:
		last := g.Sent[0]
		f.Level, f.Found = Problem, fmt.Sprintf(
			"The last delivery to %s, of %s, ended with %s.",
			g.Hook,
			last.At.UTC().Format("2 Jan 15:04"),
			outcome(last),
		)
		f.Mend = "401: the secret in the App's settings is not YACI_WEBHOOK_SECRET. No answer: GitHub cannot reach the address. 503: look at the database."
	case refused > 0:
		f.Level, f.Found = Warning, fmt.Sprintf(
			"GitHub reaches %s; of its last %d deliveries one ended with %s.",
			g.Hook,
			len(g.Sent),
			outcome(g.Sent[refused]),
		)
		f.Mend = "It was taken in later from GitHub's list, if this server ran."
	default:
		f.Level, f.Found = Good, fmt.Sprintf("GitHub reaches %s: its last %d deliveries were taken.", g.Hook, len(g.Sent))
	}
	return f
}

func outcome(s ci.HookDelivery) string {
	if s.Code == 0 {
		return "no answer (" + cmp.Or(s.Status, "unknown") + ")"
	}
	return fmt.Sprint(s.Code)
}
