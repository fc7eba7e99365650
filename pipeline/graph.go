package pipeline

import "slices"

// contract drops what is not kept from a graph of needs; who needed a dropped
// one needs what that one needed. Indexes of the result count the kept ones.
func contract(edges [][]int, keep []bool) [][]int {
	index := make([]int, len(edges))
	kept := 0
	for i := range edges {
		index[i] = kept
		if keep[i] {
			kept++
		}
	}
	out := make([][]int, 0, kept)
	for i := range edges {
		if !keep[i] {
			continue
		}
		needs, seen := []int{}, make([]bool, len(edges))
		stack := slices.Clone(edges[i])
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[n] {
				continue
			}
			seen[n] = true
			if keep[n] {
				needs = append(needs, index[n])
			} else {
				stack = append(stack, edges[n]...)
			}
		}
		slices.Sort(needs)
		out = append(out, needs)
	}
	return out
}

// jobEdges: to need a job is to need all cells of its matrix.
func jobEdges(jobs Jobs, selected Selection) [][]int {
	edges, keep := make([][]int, len(jobs)), make([]bool, len(jobs))
	for i, j := range jobs {
		keep[i] = selected.Jobs[i].Runs
		for at, other := range jobs {
			if j.Name != "" && slices.Contains(j.Needs, other.Name) {
				edges[i] = append(edges[i], at)
			}
		}
	}
	return contract(edges, keep)
}

// reaches is the transitive closure: out[i][j] when i comes after j.
func reaches(edges [][]int) [][]bool {
	out := make([][]bool, len(edges))
	var visit func(i int) []bool
	visit = func(i int) []bool {
		if out[i] != nil {
			return out[i]
		}
		out[i] = make([]bool, len(edges))
		for _, n := range edges[i] {
			out[i][n] = true
			for k, yes := range visit(n) {
				out[i][k] = out[i][k] || yes
			}
		}
		return out[i]
	}
	for i := range edges {
		visit(i)
	}
	return out
}

// peak finds the steps that can run at the same time and together weigh most: a
// set in which none comes after another, of maximal weight. It is the cover of
// the order by chains, turned round: a maximal flow, and the cut that holds it.
func peak(weights []int64, edges [][]int) []bool {
	n, after := len(weights), reaches(edges)
	const source = 0
	sink := 2*n + 1
	capacity := make([][]int64, 2*n+2)
	for i := range capacity {
		capacity[i] = make([]int64, 2*n+2)
	}
	for i := range n {
		capacity[source][1+i], capacity[1+n+i][sink] = weights[i], weights[i]
		for j := range n {
			if after[i][j] {
				capacity[1+i][1+n+j] = 1 << 62
			}
		}
	}
	for {
		from := reach(capacity, source)
		if from[sink] < 0 {
			in := make([]bool, n)
			for i := range n {
				in[i] = from[1+i] >= 0 && from[1+n+i] < 0
			}
			return in
		}
		push := int64(1) << 62
		for v := sink; v != source; v = from[v] {
			push = min(push, capacity[from[v]][v])
		}
		for v := sink; v != source; v = from[v] {
			capacity[from[v]][v] -= push
			capacity[v][from[v]] += push
		}
	}
}

// reach is a breadth-first search: for each node the one before it, or -1.
func reach(capacity [][]int64, source int) []int {
	from := make([]int, len(capacity))
	for i := range from {
		from[i] = -1
	}
	from[source] = source
	for queue := []int{source}; len(queue) > 0; queue = queue[1:] {
		for v, c := range capacity[queue[0]] {
			if c > 0 && from[v] < 0 {
				from[v] = queue[0]
				queue = append(queue, v)
			}
		}
	}
	return from
}
