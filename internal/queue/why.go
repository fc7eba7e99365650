package queue

import (
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// place is where a job that is not launched now stands, and why.
func (l *line) place(j *ci.Contender, position int, starts time.Duration) ci.Place {
	p := ci.Place{
		Job:      j.Job,
		Run:      j.Run,
		Repo:     j.RepoName,
		Person:   j.Login,
		Created:  j.Created,
		Position: position,
		Starts:   starts,
	}
	var what string
	p.Reason, what = l.reason(j)
	switch p.Reason {
	case ci.WaitTrouble, ci.WaitRegistry, ci.WaitCluster, ci.WaitGroup: // history cannot tell how long these last
		p.Starts = 0
	}
	p.Why = fmt.Sprintf("Waiting: %s in line, %s", ordinal(position), what)
	if p.Starts > 0 {
		p.Why += "; starts in about " + about(p.Starts)
	}
	p.Why += "."
	p.Key = fmt.Sprintf("%s:%s:%s", p.Reason, stage(position), subject(what))
	return p
}

// reason is what stands against a job first, and the words for it.
func (l *line) reason(j *ci.Contender) (reason, what string) {
	switch {
	case l.Trouble[j.Job] != "":
		return ci.WaitTrouble, "tried again soon: " + l.Trouble[j.Job]
	case l.Asking[j.Job] != "":
		return ci.WaitRegistry, l.Asking[j.Job]
	case !l.groups[j.Group].admits(j):
		_, name, _ := strings.Cut(j.Group, "/")
		if n := l.groups[j.Group].occupied(); n >= j.Limit {
			return ci.WaitGroup, busy(n, j.Limit, "concurrency group "+name)
		}
		return ci.WaitGroup, "behind older runs of concurrency group " + name
	case l.behind(j) != nil:
		return ci.WaitCluster, "the cluster is full: " + l.behind(j).Why
	case j.Person != 0 && full(l.running[who{person: j.Person}], l.Caps.PerPerson):
		return ci.WaitPerson, busy(l.running[who{person: j.Person}], l.Caps.PerPerson, named(j.Login, "whoever pushed it"))
	case j.Repo != 0 && full(l.running[who{repo: j.Repo}], l.Caps.PerRepo):
		return ci.WaitRepo, busy(l.running[who{repo: j.Repo}], l.Caps.PerRepo, named(j.RepoName, "its repository"))
	case full(l.running[who{}], l.Caps.All):
		return ci.WaitAll, fmt.Sprintf("%d of %d slots busy", l.running[who{}], l.Caps.All)
	}
	return ci.WaitTurn, "others are being launched"
}

func named(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

func busy(taken, limit int, of string) string {
	return fmt.Sprintf("%d of %d slots of %s busy", taken, limit, of)
}

// stage keeps the statuses of a job that waits few: GitHub takes a thousand.
func stage(position int) string {
	switch {
	case position <= 3:
		return "soon"
	case position <= 10:
		return "later"
	}
	return "long"
}

// subject is what of a reason matters: not how the scheduler counts its nodes.
func subject(what string) string {
	head, _, _ := strings.Cut(what, ":")
	return head
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// about rounds what is a guess anyway.
func about(d time.Duration) string {
	switch {
	case d < 50*time.Second:
		return fmt.Sprintf("%ds", int((d+9*time.Second)/(10*time.Second))*10)
	case d < time.Hour:
		return fmt.Sprintf("%dm", max(1, int(d.Round(time.Minute).Minutes())))
	}
	return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
}
