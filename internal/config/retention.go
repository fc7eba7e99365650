package config

import "fmt"

// Retention says how long runs, logs and deliveries are kept. The server deletes older ones once a day, and yaci prune
// does so on demand.
type Retention struct {
	KeepRunsDays       int   `default:"90" env:"YACI_KEEP_RUNS_DAYS" help:"Days to keep finished runs and their logs; 0 means forever."`
	KeepRuns           int64 `default:"0" env:"YACI_KEEP_RUNS" help:"Number of newest runs of each repository to keep; 0 means all."`
	RepoStoreLimit     int64 `default:"268435456" env:"YACI_REPO_STORE_LIMIT" help:"Maximum size in the database of the unfinished jobs of one repository, in bytes; a run that exceeds it ends in error. 0 means no limit."`
	KeepDeliveriesDays int   `default:"14" env:"YACI_KEEP_DELIVERIES_DAYS" help:"Days to keep handled deliveries."`
}

// Problems returns a sentence for each problem of the settings.
func (r Retention) Problems() (ps []string) {
	if r.KeepRunsDays < 0 {
		ps = append(
			ps,
			fmt.Sprintf("YACI_KEEP_RUNS_DAYS is %d: write a number of days, or 0 to keep runs forever.", r.KeepRunsDays),
		)
	}
	if r.KeepRuns < 0 {
		ps = append(ps, fmt.Sprintf("YACI_KEEP_RUNS is %d: write a number of runs, or 0 to keep all.", r.KeepRuns))
	}
	if r.RepoStoreLimit < 0 || r.RepoStoreLimit > 0 && r.RepoStoreLimit < 1<<20 {
		ps = append(
			ps,
			fmt.Sprintf("YACI_REPO_STORE_LIMIT is %d: write 0 for no limit, or at least 1048576, a MiB.", r.RepoStoreLimit),
		)
	}
	if r.KeepDeliveriesDays < 4 {
		ps = append(
			ps,
			fmt.Sprintf(
				"YACI_KEEP_DELIVERIES_DAYS is %d: set at least 4, since GitHub may redeliver for three days.",
				r.KeepDeliveriesDays,
			),
		)
	}
	return ps
}
