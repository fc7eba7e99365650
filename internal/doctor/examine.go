package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Examine returns the findings of all checks, in the order in which a push meets what they are about.
func Examine(f Facts) []Finding {
	all := checkSettings(f.Settings)
	all = append(all, checkDatabase(f.Database))
	all = append(all, checkGitHub(f.GitHub)...)
	all = append(all, checkPermissions(f.Cluster))
	all = append(all, checkGrants(f.Grants)...)
	if f.Cluster.Err == nil {
		all = append(all, checkBuilds(f.Builds)...)
		all = append(all, checkForks(f.Forks)...)
	}
	return all
}

func checkSettings(problems []string) []Finding {
	if len(problems) == 0 {
		return []Finding{good("settings", "Complete.")}
	}
	var all []Finding
	for _, p := range problems {
		summary, fix, ok := strings.Cut(p, ": ")
		if !ok {
			fix = "Correct it."
		}
		all = append(all, Finding{
			Check:   "settings",
			Level:   Problem,
			Summary: strings.TrimSuffix(summary, ".") + ".",
			Fix:     capitalize(fix),
		})
	}
	return all
}

// maxDatabaseSkew is larger than the error of a measurement over a slow connection.
const maxDatabaseSkew = 5 * time.Second

func checkDatabase(d Database) Finding {
	f := Finding{Check: "database", Level: Problem}
	switch {
	case d.Err != nil:
		f.Summary = d.Err.Error()
		f.Fix = "Check YACI_DATABASE_URL, and that this user may read and write there."
	case d.New:
		return good(f.Check, "There is none yet; yaci serve creates it.")
	case d.Version > d.Latest:
		f.Summary = fmt.Sprintf("It belongs to a newer YACI: its schema version is %d, this YACI knows %d.", d.Version, d.Latest)
		f.Fix = "Run the newer YACI, or restore a backup from before the upgrade."
	case d.Version < d.Latest:
		f.Level = Warning
		f.Summary = fmt.Sprintf("Its schema version is %d; this YACI has %d.", d.Version, d.Latest)
		f.Fix = "Make a backup, then start yaci serve of this version: it migrates the database."
	case d.Skew.Abs() > maxDatabaseSkew:
		f.Level = Warning
		f.Summary = fmt.Sprintf("Its clock differs from this machine's by %v.", d.Skew.Abs().Round(time.Second))
		f.Fix = "Synchronize both clocks by NTP. Builds are not affected, since YACI uses the database's clock, " +
			"but the times in logs differ."
	default:
		return good(f.Check, fmt.Sprintf("It is readable and writable, with the newest schema version, %d.", d.Version))
	}
	return f
}

// checkGrants has a finding for each name in a grant of a secret that another repository has now.
func checkGrants(sentences []string) (all []Finding) {
	for _, s := range sentences {
		summary, fix, ok := strings.Cut(s, ", so ")
		if !ok {
			fix = "grant it again by the repository's id"
		}
		all = append(all, Finding{
			Check:   "secrets",
			Level:   Warning,
			Summary: capitalize(summary) + ".",
			Fix:     capitalize(fix) + ".",
		})
	}
	return all
}

func capitalize(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
