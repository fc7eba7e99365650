package chaos

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/faultproxy"
)

// haFault is something that happens to a server, or to the database.
type haFault struct {
	what   string          // postgres, api, kill, pause, upgrade, copy, failover
	mode   faultproxy.Mode // of a proxy
	leader bool            // it happens to the leader, otherwise to another server
	lasts  time.Duration
}

// haRound are faults that happen at the same time, and the time until the next ones.
type haRound struct {
	faults []haFault
	rest   time.Duration
}

// fixedRounds are the faults of make test.
func fixedRounds() []haRound {
	return []haRound{
		{faults: []haFault{{what: "postgres", mode: faultproxy.Drop, leader: true, lasts: 11 * time.Second}}},
		{faults: []haFault{{what: "api", mode: faultproxy.Hold, leader: true, lasts: 8 * time.Second}}},
		{faults: []haFault{{what: "copy"}, {what: "api", mode: faultproxy.Cut, lasts: 3 * time.Second}}},
		{faults: []haFault{{what: "failover"}, {what: "kill", leader: true, lasts: time.Second}}},
		{faults: []haFault{{what: "upgrade", leader: true, lasts: time.Second}}},
	}
}

// randomRounds are drawn so that all kinds of faults and modes come up equally often.
func randomRounds(rng *rand.Rand, n int) (rounds []haRound) {
	kinds := []haFault{
		{what: "kill"},
		{what: "kill"},
		{what: "pause"},
		{what: "pause"},
		{what: "upgrade"},
		{what: "copy"},
		{what: "failover"},
	}
	for _, mode := range faultproxy.Modes() {
		kinds = append(kinds, haFault{what: "postgres", mode: mode}, haFault{what: "api", mode: mode})
	}
	var order []int
	draw := func() haFault {
		if len(order) == 0 {
			order = rng.Perm(len(kinds))
		}
		f := kinds[order[0]]
		order = order[1:]
		f.leader = rng.IntN(10) < 7
		f.lasts = time.Duration(500+rng.IntN(13_000)) * time.Millisecond
		return f
	}
	for range n {
		round := haRound{
			faults: []haFault{draw()},
			rest:   time.Duration(rng.IntN(3_000)) * time.Millisecond,
		}
		if rng.IntN(4) == 0 {
			second := draw()
			second.leader = !round.faults[0].leader
			round.faults = append(round.faults, second)
		}
		rounds = append(rounds, round)
	}
	return rounds
}

// play has the faults of a round happen and waits until they are over.
func (h *chaosHA) play(r haRound) {
	h.T.Helper()
	leader := h.leader()
	if leader == nil {
		leader = h.servers[0]
	}
	var wg sync.WaitGroup
	for _, f := range r.faults {
		victim := leader
		for _, s := range h.servers {
			if !f.leader && s != leader {
				victim = s
			}
		}
		wg.Go(func() { h.happen(f, victim) })
	}
	wg.Wait()
	time.Sleep(r.rest)
}

func (h *chaosHA) happen(f haFault, s *haServer) {
	began := time.Now()
	switch f.what {
	case "kill":
		s.kill()
		time.Sleep(min(f.lasts, 3*time.Second))
		s.launch()
		s.answers()
	case "pause":
		s.pause(f.lasts)
	case "upgrade":
		s.terminate()
		s.launch()
		s.answers()
	case "copy":
		h.forgetElections()
	case "failover":
		h.failover()
	case "postgres":
		h.misbehave(s, s.pg, f)
	case "api":
		h.misbehave(s, s.api, f)
	}
	h.T.Logf(
		"%s %s of %s (leader: %v) took %v",
		f.what,
		f.mode,
		s.name,
		f.leader,
		time.Since(began).Round(100*time.Millisecond),
	)
}

func (h *chaosHA) misbehave(s *haServer, p *faultproxy.Proxy, f haFault) {
	s.breaks(1)
	defer s.breaks(-1)
	if err := p.Set(f.mode); err != nil {
		h.T.Error(err)
	}
	time.Sleep(f.lasts)
	if err := p.Set(faultproxy.Pass); err != nil {
		h.T.Error(err)
	}
}

// forgetElections sets the epoch back, to one that was seen if there is one, as on a copy that lacks the last
// elections.
func (h *chaosHA) forgetElections() {
	var epoch int64
	if err := h.db().QueryRow(`SELECT epoch FROM leader`).Scan(&epoch); err != nil {
		h.T.Error(err)
		return
	}
	before := epoch - 1
	if len(h.epochs) > 0 {
		before = h.epochs[len(h.epochs)-1]
	}
	h.epochs = append(h.epochs, epoch)
	if _, err := h.db().Exec(`UPDATE leader SET epoch = $1`, before); err != nil {
		h.T.Error(err)
	}
}

// failover has a standby that has all commits take the place of the primary, which is killed.
func (h *chaosHA) failover() {
	for _, s := range h.servers {
		s.breaks(1)
		defer s.breaks(-1)
	}
	addr, err := h.postgres.Failover(h.T.Context())
	if err != nil {
		h.T.Error(err)
		return
	}
	for _, s := range h.servers {
		s.pg.SetTarget(addr)
	}
	u := must(url.Parse(h.database))(h.T)
	u.Host = addr
	direct := must(sql.Open("pgx", u.String()))(h.T)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.direct.Close()
	h.direct = direct
}

// haPush is a commit and the state that GitHub has to show of it.
type haPush struct {
	repo *citest.Repo
	sha  string
	want string
	job  bool
}

// push makes commits in the background, each on a branch of its own.
func (h *chaosHA) push(n int) {
	rng := rand.New(rand.NewPCG(h.rng.Uint64(), 0))
	h.pushes.Go(func() {
		for range n {
			p := haPush{repo: h.repos[rng.IntN(len(h.repos))], want: "success", job: true}
			yaml := "image: IMAGE\nclone: false\nsteps: ['true']\n"
			switch rng.IntN(5) {
			case 0:
				yaml, p.want = "image: IMAGE\nclone: false\nsteps: ['exit 3']\n", "failure"
			case 1:
				yaml = "image: IMAGE\nstpes: []\n"
				p.want = "error"
				p.job = false
			}
			branch := fmt.Sprintf("b%x", rng.Uint64())
			content := e2e.Files(yaml)
			content["README"] = branch // so that no two commits are one
			sha, err := p.repo.Commit(branch, "Change", content, h.Ada)
			if err != nil {
				h.T.Error(err)
				return
			}
			p.sha = sha
			h.mu.Lock()
			h.pushed = append(h.pushed, p)
			h.mu.Unlock()
		}
	})
}

// heal ends all faults.
func (h *chaosHA) heal() {
	h.T.Helper()
	for _, s := range h.servers {
		for _, p := range []*faultproxy.Proxy{s.pg, s.api} {
			if err := p.Set(faultproxy.Pass); err != nil {
				h.T.Error(err)
			}
		}
	}
}
