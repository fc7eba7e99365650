package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/citest/hostile"
)

var twoRepositories = flag.Bool("two-repositories", false, "run TestS8S9S10S16TwoRepositories")

// quiet is the repository that wants its builds while another one on its server is slow, huge, hostile or full.
type quiet struct {
	*World
	repo *citest.Repo
	pods *podTimes
	n    int
}

// measured is how long a push waited for its first status, from its webhook on, and then for its pod.
type measured struct{ status, pod time.Duration }

// push pushes once, waits until the job's pod has been created, and measures.
func (q *quiet) push() (m measured, sha string) {
	q.T.Helper()
	q.n++
	yaml := fmt.Sprintf("image: IMAGE\nresources: {cpu: 10m, memory: 16Mi}\nsteps: ['true'] # %d\n", q.n)
	sha = must(q.repo.Commit("main", "Change", Files(yaml), q.Ada))(q.T)
	must(q.repo.WaitStatus(citesttest.Context(q.T, time.Minute), sha, "yaci", nil))(q.T)
	status := q.repo.Statuses(sha)[0].At
	var made time.Time
	q.Until("the pod exists", func() bool {
		made = q.pods.of(sha)
		return !made.IsZero()
	})
	return measured{status.Sub(q.sent(sha)), made.Sub(status)}, sha
}

// sent returns when GitHub sent the webhook of a push.
func (q *quiet) sent(sha string) (at time.Time) {
	q.T.Helper()
	q.Until("the delivery is recorded", func() bool {
		for _, d := range q.GitHub.Deliveries() {
			if d.RepositoryID == q.repo.ID && d.Event == "push" && bytes.Contains(d.Payload, []byte(`"after":"`+sha)) {
				at = d.At
			}
		}
		return !at.IsZero()
	})
	return at
}

// median pushes three times and returns the median of each figure. The last push has to pass.
func (q *quiet) median() measured {
	q.T.Helper()
	var status, pod []time.Duration
	var last string
	for range 3 {
		m, sha := q.push()
		status = append(status, m.status)
		pod = append(pod, m.pod)
		last = sha
	}
	if st := q.Final(q.repo, last); st.State != "success" {
		q.T.Errorf("status %+v", st)
	}
	slices.Sort(status)
	slices.Sort(pod)
	return measured{status[1], pod[1]}
}

// podTimes is when the first pod of each commit was created.
type podTimes struct {
	mu   sync.Mutex
	at   map[string]time.Time // by commit
	seen map[types.UID]bool
	list []podMade // all pods, in the order of their creation
}

// podMade is when a pod was created, and where it clones from.
type podMade struct {
	at   time.Time
	from string
}

// watchPods follows the pods of a namespace until the test ends.
func watchPods(t *testing.T, client kubernetes.Interface, space string) *podTimes {
	t.Helper()
	p := &podTimes{at: map[string]time.Time{}, seen: map[types.UID]bool{}}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(space))
	informer := factory.Core().V1().Pods().Informer()
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		if pod, ok := o.(*corev1.Pod); ok {
			p.see(pod, time.Now())
		}
	}}))(t)
	factory.Start(t.Context().Done())
	if !cache.WaitForCacheSync(t.Context().Done(), informer.HasSynced) {
		t.Fatal("the pods were not listed")
	}
	return p
}

func (p *podTimes) see(pod *corev1.Pod, now time.Time) {
	env := map[string]string{}
	for _, c := range pod.Spec.InitContainers {
		for _, e := range c.Env {
			env[e.Name] = e.Value
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[pod.UID] {
		return
	}
	p.seen[pod.UID] = true
	p.list = append(p.list, podMade{
		at:   now,
		from: env["YACI_CLONE_URL"],
	})
	if sha := env["YACI_CLONE_SHA"]; p.at[sha].IsZero() {
		p.at[sha] = now
	}
}

func (p *podTimes) of(sha string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[sha]
}

func (p *podTimes) order() []podMade {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// The first status has to come within a second, and the pod soon after it. A loaded machine gets as much more time as
// it needs without the other repository.
const (
	firstStatus = time.Second
	firstPod    = 3 * time.Second
	slower      = 4
)

// TestS8S9S10S16TwoRepositories: on one server one repository is slow, huge, hostile or full in all the ways of S8,
// S9, S10 and S16, each beside those before it. The first status of another repository comes as fast as ever, and so
// does its pod. It takes a minute and all connections of the machine, so it runs alone, with -two-repositories.
func TestS8S9S10S16TwoRepositories(t *testing.T) {
	if !*twoRepositories {
		t.Skip("make two-repositories runs it")
	}
	t.Parallel()
	NeedsProcess(t, "connections come from addresses of this machine")
	client := Clientset(t)
	space := Namespace(t, client, nil)
	w := NewWorld(t, "YACI_NAMESPACE="+space, "YACI_NODES_GROW=true", "YACI_REPO_STORE_LIMIT=1048576")
	q := &quiet{World: w, repo: w.Repo("quiet", false), pods: watchPods(t, client, space)}
	q.push() // the first one warms up
	alone := q.median()
	t.Logf(
		"%-40s first status %6v, pod after it %6v",
		"alone",
		alone.status.Round(time.Millisecond),
		alone.pod.Round(time.Millisecond),
	)
	for _, trouble := range []struct {
		name  string
		begin func(*testing.T, *quiet)
	}{
		{"S8 files that take a minute", slowFiles},
		{"S8 a huge pull request of slow pages", hugePull},
		{"S8 a hostile pull request", hostilePulls},
		{"S8 a slow git server", slowGit},
		{"S9 a job that fits nowhere", largeJobs},
		{"S9 a used-up quota", usedQuota},
		{"S10 idle connections", idleConnections},
		{"S16 a full share of the database", fullShare},
	} {
		trouble.begin(t, q)
		m := q.median()
		t.Logf(
			"%-40s first status %6v, pod after it %6v",
			trouble.name,
			m.status.Round(time.Millisecond),
			m.pod.Round(time.Millisecond),
		)
		if most := max(firstStatus, slower*alone.status); m.status > most {
			t.Errorf("%s: the first status came after %v, want at most %v", trouble.name, m.status, most)
		}
		if most := max(firstPod, slower*alone.pod); m.pod > most {
			t.Errorf("%s: the pod came %v after the first status, want at most %v", trouble.name, m.pod, most)
		}
	}
	if log := w.Log.String(); strings.Contains(log, "set aside") {
		t.Error("a delivery was set aside")
	}
}

// slowFiles: the files of ten pushes take longer than the server waits.
func slowFiles(t *testing.T, q *quiet) {
	r := q.neighbour("slow-files")
	q.GitHub.Inject(citest.Fault{Match: func(req *http.Request) bool {
		return strings.Contains(req.URL.Path, "slow-files/contents/")
	}, Delay: time.Minute})
	for n := range 10 {
		must(r.Commit("main", "Change", Files(fmt.Sprintf("image: IMAGE\nsteps: ['true'] # %d\n", n)), q.Ada))(t)
	}
}

// neighbour makes another repository.
func (q *quiet) neighbour(name string) *citest.Repo {
	q.T.Helper()
	return q.Repo(name, false)
}

// hugePull: a pull request changes 2,999 files, GitHub is slow with the pages of its list, and the file has as many
// patterns as one may have.
func hugePull(t *testing.T, q *quiet) {
	r := q.neighbour("huge-pull")
	must(r.Commit("main", "First", Files(""), q.Ada))(t)
	q.GitHub.Inject(citest.Fault{Match: func(req *http.Request) bool {
		return strings.Contains(req.URL.Path, "huge-pull/pulls/") && strings.HasSuffix(req.URL.Path, "/files")
	}, Delay: time.Second})
	changed := Files(hostile.Corpus()["patterns: as many as are allowed"])
	for _, path := range hostile.Paths()[:2998] {
		changed[path] = "x"
	}
	must(r.Commit("huge", "Change", changed, q.Ada))(t)
	must(r.OpenPull("huge", "main", "Huge", q.Ada))(t)
}

// hostilePulls: a stranger's pull requests have the files that cost most.
func hostilePulls(t *testing.T, q *quiet) {
	r := q.neighbour("hostile-pulls")
	must(r.Commit("main", "First", Files(""), q.Ada))(t)
	eve := q.GitHub.CreateUser("eve")
	fork := must(q.GitHub.Fork(r, eve))(t)
	corpus := hostile.Corpus()
	for i, name := range append(heaviest(), "shape: the same key", "shape: aliases", "patterns: stars") {
		branch := fmt.Sprintf("b%d", i)
		must(fork.Commit(branch, "Change", map[string]string{".yaci.yml": corpus[name]}, eve))(t)
		must(r.OpenPull("eve:"+branch, "main", "Change", eve))(t)
	}
}

// slowGit: clones take half a minute.
func slowGit(t *testing.T, q *quiet) {
	r := q.neighbour("slow-git")
	q.GitHub.Inject(citest.Fault{Match: func(req *http.Request) bool {
		return strings.Contains(req.URL.Path, "/slow-git.git/")
	}, Delay: 30 * time.Second})
	must(
		r.Commit(
			"main",
			"Change",
			Files("image: IMAGE\nmatrix: {cell: ['1', '2', '3']}\nresources: {cpu: 10m}\nsteps: ['true']\n"),
			q.Ada,
		),
	)(
		t,
	)
}

// largeJobs: jobs ask for more CPU than any node has.
func largeJobs(t *testing.T, q *quiet) {
	r := q.neighbour("large-jobs")
	for n := range 3 {
		sha := must(
			r.Commit(
				"main",
				"Change",
				Files(fmt.Sprintf("image: IMAGE\nresources: {cpu: %d}\nsteps: ['true']\n", 500-n)),
				q.Ada,
			),
		)(
			t,
		)
		if n == 0 {
			q.waits(r, sha, "Waiting: no node ")
		}
	}
}

// usedQuota: a job asks for more memory than the namespace's quota has left.
func usedQuota(t *testing.T, q *quiet) {
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "memory"},
		Spec: corev1.ResourceQuotaSpec{
			Hard: corev1.ResourceList{corev1.ResourceRequestsMemory: resource.MustParse("8Gi")},
		},
	}
	must(Clientset(t).CoreV1().ResourceQuotas(q.Namespace()).Create(t.Context(), quota, metav1.CreateOptions{}))(t)
	r := q.neighbour("used-quota")
	sha := must(
		r.Commit("main", "Change", Files("image: IMAGE\nresources: {cpu: 10m, memory: 9Gi}\nsteps: ['true']\n"), q.Ada),
	)(
		t,
	)
	q.waits(r, sha, "Waiting: the quota of the namespace is used up")
}

// idleConnections: strangers open more connections than the server holds, and send nothing or half a delivery.
func idleConnections(t *testing.T, q *quiet) {
	count := 9_000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		count = min(count, int(files.Cur)-1_000)
	}
	text := []string{
		"",
		"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	}
	var dials sync.WaitGroup
	for stranger := range 40 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 255, byte(stranger), 2)}, Timeout: 20 * time.Second}
		dials.Go(func() {
			for n := range count / 40 {
				c, err := dialer.DialContext(t.Context(), "tcp", q.Listen)
				if err != nil {
					continue // what the server drops is its own affair
				}
				context.AfterFunc(t.Context(), func() { c.Close() })
				_, _ = c.Write([]byte(text[n%len(text)]))
			}
		})
	}
	dials.Wait()
}

// fullShare: jobs that wait fill what a repository may take of the database.
func fullShare(t *testing.T, q *quiet) {
	r := q.neighbour("full-share")
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 12 {
		var script strings.Builder
		for script.Len() < 200_000 {
			fmt.Fprintf(&script, "    %016x%016x\n", random.Uint64(), random.Uint64())
		}
		yaml := "image: IMAGE\nresources: {cpu: 500}\nsteps:\n- |\n    : <<'E'\n" + script.String() + "    E\n"
		sha := must(r.Commit(fmt.Sprintf("b%d", n), "Change", Files(yaml), q.Ada))(t)
		if n == 11 {
			must(r.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", func(st citest.Status) bool {
				return st.State == "error" && strings.HasPrefix(st.Description, "The repository's unfinished jobs would take ")
			}))(t)
		}
	}
}

// TestS8S9TheNextFreeSlot: one repository fills all slots and has many jobs in line. Another one's first status comes
// at once, and its job takes the next slot that becomes free.
func TestS8S9TheNextFreeSlot(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	space := Namespace(t, client, nil)
	w := NewWorld(t, "YACI_NAMESPACE="+space, "YACI_MAX_RUNNING=2")
	pods := watchPods(t, client, space)
	// What a repository's jobs took counts in its turn, so the figures alone are those of a third repository.
	alone := (&quiet{World: w, repo: w.Repo("alone", false), pods: pods}).median()
	q := &quiet{World: w, repo: w.Repo("quiet", false), pods: pods}
	var cells []string
	for n := range 30 {
		cells = append(cells, fmt.Sprintf("'%d'", n))
	}
	busy := w.Repo("busy", false)
	yaml := "image: IMAGE\nmatrix: {cell: [" + strings.Join(
		cells,
		", ",
	) + "]}\nresources: {cpu: 10m, memory: 16Mi}\nsteps: [sleep 2]\n"
	must(busy.Commit("main", "Change", Files(yaml), w.Ada))(t)
	w.Until("both slots are taken", func() bool { return len(pods.order()) >= 3+2 })
	m, sha := q.push()
	first := q.repo.Statuses(sha)[0].At
	before := 0
	for _, pod := range pods.order() {
		if pod.at.After(first) && pod.at.Before(pods.of(sha)) {
			before++
		}
	}
	t.Logf(
		"alone: first status %v, pod after it %v; beside 30 jobs and 2 slots: %v and %v, after %d pods of the other repository",
		alone.status,
		alone.pod,
		m.status,
		m.pod,
		before,
	)
	most := max(firstStatus, slower*alone.status)
	if *twoRepositories && m.status > most {
		t.Errorf("the first status came after %v, want at most %v", m.status, most)
	}
	if before > 4 { // two that were launched when the status was on its way, and the two before them if the watch is late
		t.Errorf("%d jobs of the other repository came first", before)
	}
	if st := w.Final(q.repo, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}
