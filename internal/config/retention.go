package config

import "fmt"

// Retention is how much of the past is kept. The server sweeps once a day, and
// yaci prune does so when it is called.
type Retention struct {
	KeepRunsDays       int   `default:"90" env:"YACI_KEEP_RUNS_DAYS" help:"Days that ended runs and their logs are kept; 0: for ever."`
	KeepRuns           int64 `default:"0" env:"YACI_KEEP_RUNS" help:"Newest runs of each repository that are kept; 0: all."`
	RepoStoreLimit     int64 `default:"268435456" env:"YACI_REPO_STORE_LIMIT" help:"Bytes of the database that the unfinished jobs of one repository may take; a run above it ends in error. 0: no limit."`
	KeepDeliveriesDays int   `default:"14" env:"YACI_KEEP_DELIVERIES_DAYS" help:"Days that handled deliveries are kept."`
}

// Problems returns a sentence for each thing that is wrong.
func (r Retention) Problems() (ps []string) {
	if r.KeepRunsDays < 0 {
		ps = append(
			ps,
			fmt.Sprintf("YACI_KEEP_RUNS_DAYS is %d: write a number of days, or 0 to keep runs for ever.", r.KeepRunsDays),
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
				"YACI_KEEP_DELIVERIES_DAYS is %d: at least 4 are needed, since GitHub may deliver again for three days.",
				r.KeepDeliveriesDays,
			),
		)
	}
	return ps
}
