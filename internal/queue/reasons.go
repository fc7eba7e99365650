package queue

import (
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// position describes a waiting job: its place in the queue, why it waits, and when it is expected to start.
func (p *planner) position(j *ci.QueuedJob, number int, starts time.Duration) ci.QueuePosition {
	reason, detail := p.waitReason(j)
	switch reason {
	case ci.WaitTrouble, ci.WaitRegistry, ci.WaitCluster, ci.WaitGroup:
		starts = 0 // history does not tell how long these last
	}
	sentence := fmt.Sprintf("Waiting: %s in line, %s", ordinal(number), detail)
	if starts > 0 {
		sentence += "; starts in about " + roughly(starts)
	}
	return ci.QueuePosition{
		Job:      j.Job,
		Run:      j.Run,
		Repo:     j.RepoName,
		Person:   j.Login,
		Created:  j.Created,
		Position: number,
		Reason:   reason,
		Message:  sentence + ".",
		StartsIn: starts,
		WaitKey:  positionKey(reason, number, detail),
	}
}

// waitReason returns the first thing that prevents a job from starting, as a ci.Wait constant and in words.
func (p *planner) waitReason(j *ci.QueuedJob) (reason, detail string) {
	switch {
	case p.LaunchFailed[j.Job] != "":
		return ci.WaitTrouble, "retrying soon: " + p.LaunchFailed[j.Job]
	case p.Lookups[j.Job] != "":
		return ci.WaitRegistry, p.Lookups[j.Job]
	case !p.groups[j.Group].admits(j):
		_, name, _ := strings.Cut(j.Group, "/")
		if n := p.groups[j.Group].running(); n >= j.Limit {
			return ci.WaitGroup, slotsBusy(n, j.Limit, "concurrency group "+name)
		}
		return ci.WaitGroup, "behind older runs of concurrency group " + name
	case p.obstacle(j) != nil:
		return ci.WaitCluster, "the cluster is full: " + p.obstacle(j).Why
	case reached(p.slots.byUser[j.Person], p.Limits.PerUser):
		owner := nameOr(j.Login, "the user who started it")
		return ci.WaitPerson, slotsBusy(p.slots.byUser[j.Person], p.Limits.PerUser, owner)
	case reached(p.slots.byRepo[j.Repo], p.Limits.PerRepo):
		owner := nameOr(j.RepoName, "its repository")
		return ci.WaitRepo, slotsBusy(p.slots.byRepo[j.Repo], p.Limits.PerRepo, owner)
	case reached(p.slots.total, p.Limits.Total):
		return ci.WaitAll, fmt.Sprintf("%d of %d slots busy", p.slots.total, p.Limits.Total)
	}
	return ci.WaitTurn, "others are being launched"
}

func slotsBusy(used, limit int, owner string) string {
	return fmt.Sprintf("%d of %d slots of %s busy", used, limit, owner)
}

func nameOr(name, fallback string) string {
	if name == "" {
		return fallback
	}
	return name
}

// positionKey identifies what people see of a position. It changes rarely, because a status is sent for each new key
// and GitHub accepts 1,000 statuses for a commit and context. So positions count in three ranges, and of the detail
// only the part before a colon, without the scheduler's numbers.
func positionKey(reason string, number int, detail string) string {
	distance := "long"
	switch {
	case number <= 3:
		distance = "soon"
	case number <= 10:
		distance = "later"
	}
	summary, _, _ := strings.Cut(detail, ":")
	return fmt.Sprintf("%s:%s:%s", reason, distance, summary)
}

// ordinal returns 1st, 2nd, 3rd, 4th and so on.
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

// roughly rounds a predicted duration: to 10 seconds, minutes or hours.
func roughly(d time.Duration) string {
	switch {
	case d < 50*time.Second:
		tens := int((d + 9*time.Second) / (10 * time.Second))
		return fmt.Sprintf("%ds", 10*tens)
	case d < time.Hour:
		return fmt.Sprintf("%dm", max(1, int(d.Round(time.Minute).Minutes())))
	}
	return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
}
