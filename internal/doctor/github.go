package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	// GitHub refuses calls of an App whose clock is a minute off.
	skewWarning = 15 * time.Second
	skewProblem = 50 * time.Second
)

// requiredPermissions returns what the App must have (docs.github.com, "Permissions required for GitHub Apps").
func requiredPermissions(checks bool) map[string]string {
	all := map[string]string{
		"contents":      "read",
		"metadata":      "read",
		"statuses":      "write",
		"pull_requests": "write",
	}
	if checks {
		all["checks"] = "write"
	}
	return all
}

// optionalPermissions returns what only some of YACI's features need.
func optionalPermissions() map[string]string { return map[string]string{"merge_queues": "read"} }

// usedEvents returns the webhook events that YACI acts on.
func usedEvents(checks bool) []string {
	all := []string{"push", "pull_request", "merge_group", "issue_comment", "repository", "public"}
	if checks {
		all = append(all, "check_run")
	}
	return all
}

// optionalEvents returns the events without which most of YACI works, with the effect of missing each.
func optionalEvents() map[string]string {
	const late = "names and visibility of repositories are up to a minute late on pages"

	return map[string]string{
		"merge_group": "merge queues will never complete",
		"repository":  late + ", and runs of archived and deleted repositories continue",
		"public":      late,
	}
}

func checkGitHub(g GitHub) []Finding {
	var all []Finding
	if g.ClockKnown {
		all = append(all, checkClock(g.Skew))
	}
	if g.Err != nil {
		return append(all, Finding{
			Check:   "GitHub",
			Level:   Problem,
			Summary: g.Err.Error(),
			Fix: "Check that YACI_GITHUB_API_URL can be reached from here, " +
				"and that the App's id and key, or the token, are right.",
		})
	}
	if g.Personal {
		return append(all, good("GitHub", "GitHub accepts the personal token."), Finding{
			Check:   "webhook",
			Level:   Unknown,
			Summary: "Not checked: with a personal token each repository has a webhook of its own.",
			Fix:     "Use a GitHub App. YACI then recovers missed webhooks, too.",
		})
	}
	return append(all, checkAppPermissions(g), checkEvents(g), checkWebhook(g))
}

func checkClock(skew time.Duration) Finding {
	off := skew.Abs()
	if off <= skewWarning {
		return good("clock", "It agrees with GitHub's.")
	}
	f := Finding{
		Check:   "clock",
		Level:   Warning,
		Summary: fmt.Sprintf("This machine's clock differs from GitHub's by %v.", off.Round(time.Second)),
		Fix:     "Synchronize it by NTP: GitHub refuses calls of an App whose clock is off by a minute.",
	}
	if off > skewProblem {
		f.Level = Problem
	}
	return f
}

func checkAppPermissions(g GitHub) Finding {
	levels := []string{"", "read", "write", "admin"}
	rank := func(level string) int { return slices.Index(levels, level) }

	var missing, excessive []string
	required, optional := requiredPermissions(g.Checks), optionalPermissions()
	for name, level := range required {
		if rank(g.Permissions[name]) < rank(level) {
			missing = append(missing, name+": "+level)
		}
	}
	for name, level := range g.Permissions {
		if rank(level) > max(rank(required[name]), rank(optional[name])) {
			excessive = append(excessive, name+": "+level)
		}
	}
	slices.Sort(missing)
	slices.Sort(excessive)

	f := Finding{Check: "App permissions"}
	switch {
	case len(missing) > 0:
		f.Level = Problem
		f.Summary = fmt.Sprintf("The App %s lacks %s.", g.App, strings.Join(missing, ", "))
		f.Fix = "Add them in " + settingsPage(g) + ", then accept the change where the App is installed."
	case len(excessive) > 0:
		f.Level = Warning
		f.Summary = fmt.Sprintf("The App %s has more than it needs: %s.", g.App, strings.Join(excessive, ", "))
		f.Fix = "Remove them in " + settingsPage(g) + "."
	default:
		return good(f.Check, "The App "+g.App+" has exactly what it needs.")
	}
	return f
}

// settingsPage returns words for the page that changes permissions and events of the App.
func settingsPage(g GitHub) string {
	if g.Settings == "" {
		return "the App's settings"
	}
	return "the App's settings (" + g.Settings + ")"
}

func checkEvents(g GitHub) Finding {
	var missing, effects []string
	essential := false // one of the missing ones is not optional
	for _, e := range usedEvents(g.Checks) {
		if slices.Contains(g.Events, e) {
			continue
		}
		missing = append(missing, e)
		effect, ok := optionalEvents()[e]
		if !ok {
			essential = true
		} else if !slices.Contains(effects, effect) {
			effects = append(effects, effect)
		}
	}
	if len(missing) == 0 {
		return good("App events", "The App is subscribed to "+strings.Join(usedEvents(g.Checks), ", ")+".")
	}

	f := Finding{
		Check:   "App events",
		Level:   Warning,
		Summary: "The App is not subscribed to " + strings.Join(missing, ", "),
		Fix:     "Subscribe to them in " + settingsPage(g) + ".",
	}
	if essential {
		f.Level = Problem
	}
	if len(effects) > 0 {
		f.Summary += ": " + strings.Join(effects, "; ")
	}
	f.Summary += "."
	return f
}

// checkWebhook judges by the latest deliveries in GitHub's log.
func checkWebhook(g GitHub) Finding {
	f := Finding{Check: "webhook", Level: Warning}
	refused := slices.IndexFunc(g.Sent, func(s ci.HookDelivery) bool { return s.Code >= 300 || s.Code == 0 })
	switch {
	case g.HookErr != nil:
		f.Level = Unknown
		f.Summary = g.HookErr.Error()
		f.Fix = "Look at the App's settings on GitHub, under Advanced."
	case g.Hook == "":
		f.Level = Problem
		f.Summary = "The App has no webhook."
		f.Fix = "Set its address in the App's settings: this server's public address with /webhook."
	case !strings.HasSuffix(g.Hook, "/webhook"):
		f.Level = Problem
		f.Summary = "GitHub delivers to " + g.Hook + ", which is not an address of YACI."
		f.Fix = "Change it to end in /webhook."
	case g.PublicURL != "" && strings.TrimSuffix(g.PublicURL, "/")+"/webhook" != g.Hook:
		f.Summary = "GitHub delivers to " + g.Hook + ", but YACI_PUBLIC_URL is " + g.PublicURL + "."
		f.Fix = "Make them agree, unless the server has two addresses on purpose."
	case len(g.Sent) == 0:
		f.Summary = "GitHub has delivered nothing to " + g.Hook + " in three days."
		f.Fix = "Install the App on a repository and push."
	case refused == 0:
		last := g.Sent[0]
		f.Level = Problem
		f.Summary = fmt.Sprintf("The last delivery to %s, at %s, ended with %s.", g.Hook,
			last.At.UTC().Format("2 Jan 15:04"), outcome(last))
		f.Fix = "401: the secret in the App's settings differs from YACI_WEBHOOK_SECRET. " +
			"No answer: GitHub cannot reach the address. 503: check the database."
	case refused > 0:
		f.Summary = fmt.Sprintf("GitHub reaches %s, but one of its last %d deliveries ended with %s.", g.Hook, len(g.Sent),
			outcome(g.Sent[refused]))
		f.Fix = "Nothing, if this server was running: it recovers such deliveries from GitHub's log later."
	default:
		return good(f.Check, fmt.Sprintf("GitHub reaches %s: its last %d deliveries were accepted.", g.Hook, len(g.Sent)))
	}
	return f
}

func outcome(s ci.HookDelivery) string {
	if s.Code == 0 {
		return "no answer (" + cmp.Or(s.Status, "unknown") + ")"
	}
	return fmt.Sprint(s.Code)
}
