package admin

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/doctor"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/setup"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/pipeline"
)

const (
	doctorTimeout    = 30 * time.Second // for each part of an examination but the probe Jobs
	shownDeliveries  = 20               // of GitHub's log
	clockGranularity = time.Second      // of GitHub's Date header
)

// DoctorOptions are the options of yaci doctor.
type DoctorOptions struct {
	NoProbe bool // do not start probe Jobs
	JSON    bool // write JSON instead of a table
}

// Doctor examines the installation that the settings describe, writes its findings to out, and returns the number of
// problems. Everything that cannot be examined is a finding; the error is that of writing.
func Doctor(ctx context.Context, cfg config.Config, opts DoctorOptions, out io.Writer) (problems int, err error) {
	findings := doctor.Examine(gatherFacts(ctx, cfg, opts.NoProbe))
	write := doctor.Write
	if opts.JSON {
		write = doctor.WriteJSON
	}
	return doctor.Problems(findings), write(out, findings)
}

func gatherFacts(ctx context.Context, cfg config.Config, noProbe bool) doctor.Facts {
	f := doctor.Facts{Settings: cfg.Problems(), Database: databaseFacts(ctx, cfg)}
	f.GitHub = githubFacts(ctx, withStoredApp(ctx, cfg, f.Database))
	cluster, err := kube.Connect(cfg.Kubeconfig, kube.Config{Namespace: cfg.Namespace})
	if err != nil {
		f.Cluster.Err = err
		return f
	}
	f.Cluster = permissionFacts(ctx, cluster, cfg)
	if f.Cluster.Err != nil {
		return f
	}
	f.Grants = grantFacts(ctx, cfg, f.Database, cluster)
	f.Builds = buildFacts(ctx, cluster, cfg.Operator(), f.Cluster, noProbe)
	if cfg.ForkNamespace != "" || cfg.ForkRuntimeClass != "" {
		forkCluster := *cluster
		forkCluster.Namespace = cmp.Or(cfg.ForkNamespace, cfg.Namespace)
		forks := buildFacts(ctx, &forkCluster, cfg.ForkOperator(), f.Cluster, noProbe)
		f.Forks = &forks
	}
	return f
}

// buildFacts starts probe Jobs in the cluster's namespace, unless they are unwanted or a permission is missing there.
func buildFacts(
	ctx context.Context, cluster *kube.Cluster, op pipeline.Operator, permissions doctor.Cluster, noProbe bool,
) doctor.Builds {
	settings := doctor.PodSettings{UserNamespaces: op.UserNamespace, RuntimeClass: op.RuntimeClass}
	inNamespace := func(p doctor.Permission) bool { return p.Namespace == cluster.Namespace }
	if noProbe || slices.ContainsFunc(permissions.Missing, inNamespace) {
		return doctor.Builds{Namespace: cluster.Namespace, Skipped: true, Settings: settings}
	}
	p := probe{cluster: cluster, operator: op}
	return p.inspect(ctx, settings)
}

func databaseFacts(ctx context.Context, cfg config.Config) doctor.Database {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	h, err := store.Examine(ctx, cfg.Database())
	return doctor.Database{
		Err:     err,
		New:     h.New,
		Version: h.Version,
		Latest:  h.Latest,
		Skew:    h.Skew,
	}
}

// openExamined opens a database that has the schema of this YACI. It returns nil for any other one, about which there
// is a finding already, since opening would migrate it.
func openExamined(ctx context.Context, cfg config.Config, d doctor.Database) *store.Store {
	if d.Err != nil || d.New || d.Version != d.Latest {
		return nil
	}
	db, err := store.Open(ctx, cfg.Database())
	if err != nil {
		return nil
	}
	return db
}

// withStoredApp completes the settings by the App that the database has, if they need it.
func withStoredApp(ctx context.Context, cfg config.Config, d doctor.Database) config.Config {
	if !cfg.Unconnected() {
		return cfg
	}
	db := openExamined(ctx, cfg, d)
	if db == nil {
		return cfg
	}
	defer db.Close()
	app, err := db.App(ctx)
	if err != nil {
		return cfg
	}
	return setup.WithApp(cfg, app)
}

// grantFacts returns sentences about grants of secrets whose name another repository has now.
func grantFacts(ctx context.Context, cfg config.Config, d doctor.Database, cluster *kube.Cluster) []string {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	db := openExamined(ctx, cfg, d)
	if db == nil {
		return nil
	}
	defer db.Close()
	sentences, err := flow.MisnamedGrants(ctx, cluster, db)
	if err != nil {
		return nil // a missing permission has a finding of its own
	}
	return sentences
}

func githubFacts(ctx context.Context, cfg config.Config) doctor.GitHub {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	gh, err := setup.Connect(cfg, nil)
	if err != nil {
		return doctor.GitHub{Err: err}
	}
	began := time.Now()
	known, err := gh.Introduce(ctx)
	f := doctor.GitHub{
		Err:         err,
		Personal:    known.Personal,
		Checks:      cfg.Checks == "on",
		App:         known.App,
		Settings:    known.Settings,
		Permissions: known.Permissions,
		Events:      known.Events,
		PublicURL:   cfg.PublicURL,
	}
	if !known.Clock.IsZero() {
		f.ClockKnown = true
		f.Skew = skew(began, time.Now(), known.Clock)
	}
	if err != nil || known.Personal {
		return f
	}

	f.Hook, f.HookErr = gh.HookURL(ctx)
	if f.HookErr != nil || f.Hook == "" {
		return f
	}
	var sent []ci.HookDelivery
	sent, _, f.HookErr = gh.HookDeliveries(ctx, "")
	if f.HookErr == nil {
		f.Sent = sent[:min(len(sent), shownDeliveries)]
	}
	return f
}

// skew returns how far this machine's clock is ahead of a remote one, which was read between two local times. On
// average, the remote time lacks half of the clock's granularity.
func skew(asked, answered, remote time.Time) time.Duration {
	middle := asked.Add(answered.Sub(asked) / 2)
	return middle.Sub(remote.Add(clockGranularity / 2))
}

// permissionFacts asks for each permission by itself, since a list of rules may be incomplete.
func permissionFacts(ctx context.Context, cluster *kube.Cluster, cfg config.Config) doctor.Cluster {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	var facts doctor.Cluster
	granted := func(p doctor.Permission) bool {
		ok, err := cluster.CanI(ctx, p.Namespace, p.Group, p.Resource, p.Subresource, p.Verb)
		if facts.Err == nil {
			facts.Err = err
		}
		return ok
	}
	for _, p := range doctor.RequiredPermissions(cfg.Namespace, cfg.ForkNamespace) {
		if p.Resource == "nodes" && cfg.NodesGrow {
			continue // the server does not list them then
		}
		if !granted(p) {
			facts.Missing = append(facts.Missing, p)
		}
	}
	for _, p := range doctor.ExcessivePermissions(cfg.Namespace) {
		if granted(p) {
			facts.Excessive = append(facts.Excessive, p)
		}
	}
	return facts
}
