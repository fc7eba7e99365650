package server

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/doctor"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/pipeline"
)

// doctorTime bounds each part of an examination but the pods.
const doctorTime = 30 * time.Second

// Checkup is what yaci doctor was asked for.
type Checkup struct {
	NoProbe bool // no pod is started
	JSON    bool
}

// Doctor examines an installation, writes what it found, and says how many problems there are.
func Doctor(ctx context.Context, cfg config.Config, want Checkup, out io.Writer) (problems int, err error) {
	all := doctor.Examine(gather(ctx, cfg, want.NoProbe))
	write := doctor.Write
	if want.JSON {
		write = doctor.WriteJSON
	}
	return doctor.Problems(all), write(out, all)
}

// gather finds everything out; what it cannot is a fact too.
func gather(ctx context.Context, cfg config.Config, noProbe bool) doctor.Facts {
	f := doctor.Facts{Settings: cfg.Problems(), Database: databaseFacts(ctx, cfg)}
	f.GitHub = githubFacts(ctx, storedApp(ctx, cfg, f.Database))
	cluster, err := kube.Connect(cfg.Kubeconfig, kube.Config{Namespace: cfg.Namespace})
	if err != nil {
		f.Cluster.Err = err
		return f
	}
	if f.Cluster = rightsOf(ctx, cluster, cfg); f.Cluster.Err != nil {
		return f
	}
	f.Grants = grantFacts(ctx, cfg, f.Database, cluster)
	look := func(cluster *kube.Cluster, op pipeline.Operator) doctor.Builds {
		wanted := doctor.Wanted{UserNamespaces: op.UserNamespace, RuntimeClass: op.RuntimeClass}
		lacks := func(r doctor.Right) bool { return r.Namespace == cluster.Namespace }
		if noProbe || slices.ContainsFunc(f.Cluster.Denied, lacks) {
			return doctor.Builds{Namespace: cluster.Namespace, Skipped: true, Wanted: wanted}
		}
		return probe{cluster, op}.builds(ctx, wanted)
	}
	f.Builds = look(cluster, Operator(cfg.Pods))
	if cfg.ForkNamespace != "" || cfg.ForkRuntimeClass != "" {
		elsewhere := *cluster
		elsewhere.Namespace = cmp.Or(cfg.ForkNamespace, cfg.Namespace)
		forks := look(&elsewhere, ForFork(cfg.Pods))
		f.Forks = &forks
	}
	return f
}

func databaseFacts(ctx context.Context, cfg config.Config) doctor.Database {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
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

// storedApp completes the settings by the App that /setup has made, if there is one.
func storedApp(ctx context.Context, cfg config.Config, d doctor.Database) config.Config {
	if !cfg.Unconnected() || d.Err != nil || d.New || d.Version != d.Latest {
		return cfg
	}
	db, err := store.Open(ctx, cfg.Database())
	if err != nil {
		return cfg
	}
	defer db.Close()
	if app, err := db.App(ctx); err == nil {
		return withApp(cfg, app)
	}
	return cfg
}

// grantFacts are what the database knows of names in grants. What cannot be read has a finding of its own.
func grantFacts(ctx context.Context, cfg config.Config, d doctor.Database, cluster *kube.Cluster) []string {
	if d.Err != nil || d.New || d.Version != d.Latest {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	db, err := store.Open(ctx, cfg.Database())
	if err != nil {
		return nil
	}
	defer db.Close()
	all, err := misnamed(ctx, cluster, db)
	if err != nil {
		return nil
	}
	return all
}

func githubFacts(ctx context.Context, cfg config.Config) doctor.GitHub {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	gh, err := connectGitHub(cfg, nil)
	if err != nil {
		return doctor.GitHub{Err: err}
	}
	asked := time.Now()
	k, err := gh.Introduce(ctx)
	f := doctor.GitHub{
		Err:         err,
		Personal:    k.Personal,
		Checks:      cfg.Checks == "on",
		App:         k.App,
		Settings:    k.Settings,
		Permissions: k.Permissions,
		Events:      k.Events,
		PublicURL:   cfg.PublicURL,
	}
	if !k.Clock.IsZero() {
		// Its clock is told in whole seconds, of somewhere between the question and the answer.
		f.Clock, f.Skew = true, asked.Add(time.Since(asked)/2).Sub(k.Clock.Add(time.Second/2))
	}
	if err != nil || k.Personal {
		return f
	}
	f.Hook, f.HookErr = gh.HookURL(ctx)
	if f.HookErr == nil && f.Hook != "" {
		var sent []ci.HookDelivery
		if sent, _, f.HookErr = gh.HookDeliveries(ctx, ""); f.HookErr == nil {
			f.Sent = sent[:min(len(sent), 20)]
		}
	}
	return f
}

// rightsOf asks for each right by itself: a list of rules may not be all of them.
func rightsOf(ctx context.Context, cluster *kube.Cluster, cfg config.Config) (c doctor.Cluster) {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	may := func(r doctor.Right) bool {
		ok, err := cluster.CanI(ctx, r.Namespace, r.Group, r.Resource, r.Subresource, r.Verb)
		if c.Err == nil {
			c.Err = err
		}
		return ok
	}
	for _, r := range doctor.Needed(cfg.Namespace, cfg.ForkNamespace) {
		if r.Resource == "nodes" && cfg.NodesGrow {
			continue // nobody looks at them then
		}
		if !may(r) {
			c.Denied = append(c.Denied, r)
		}
	}
	for _, r := range doctor.Unwanted(cfg.Namespace) {
		if may(r) {
			c.Beyond = append(c.Beyond, r)
		}
	}
	return c
}
