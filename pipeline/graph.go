package pipeline

import "slices"

// In this file, a graph of needs is a list of edges: edges[i] has the indexes of the nodes that node i
// needs.

// removeNodes returns the graph of the nodes in keep. A node that needed a removed one needs what
// that one needed. The indexes of the result count the kept nodes only.
func removeNodes(edges [][]int, keep []bool) [][]int {
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
		needs := []int{}
		seen := make([]bool, len(edges))
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

// jobEdges returns the graph of the selected jobs. To need a job means to need all combinations of
// its matrix.
func jobEdges(jobs Jobs, selected Selection) [][]int {
	edges := make([][]int, len(jobs))
	keep := make([]bool, len(jobs))
	for i, j := range jobs {
		keep[i] = selected.Jobs[i].Runs
		for k, other := range jobs {
			if j.Name != "" && slices.Contains(j.Needs, other.Name) {
				edges[i] = append(edges[i], k)
			}
		}
	}
	return removeNodes(edges, keep)
}

// transitiveClosure returns a matrix: out[i][j] says that node i needs node j, directly or not.
func transitiveClosure(edges [][]int) [][]bool {
	out := make([][]bool, len(edges))
	var visit func(i int) []bool
	visit = func(i int) []bool {
		if out[i] != nil {
			return out[i]
		}
		out[i] = make([]bool, len(edges))
		for _, n := range edges[i] {
			out[i][n] = true
			for k, needed := range visit(n) {
				out[i][k] = out[i][k] || needed
			}
		}
		return out[i]
	}
	for i := range edges {
		visit(i)
	}
	return out
}

// unlimited is the capacity of an edge that a minimum cut never contains.
const unlimited = int64(1) << 62

// maxWeightAntichain returns the set of mutually independent steps with the largest total weight. By
// the weighted form of Dilworth's theorem it follows from a minimum cut of a bipartite network with
// the weights as capacities; see https://en.wikipedia.org/wiki/Dilworth%27s_theorem.
func maxWeightAntichain(weights []int64, edges [][]int) []bool {
	n := len(weights)
	network := antichainNetwork(weights, transitiveClosure(edges))
	source := 0
	sink := 2*n + 1
	previous := maximizeFlow(network, source, sink)

	in := make([]bool, n)
	for i := range n {
		in[i] = previous[1+i] >= 0 && previous[1+n+i] < 0
	}
	return in
}

// antichainNetwork returns the capacities of a flow network. Node 0 is the source and node 2n+1 the
// sink. Step i is node 1+i, fed by the source, and node 1+n+i, drained by the sink; both edges have
// the capacity of its weight. An unlimited edge leads from 1+i to 1+n+j if step i needs step j.
func antichainNetwork(weights []int64, needs [][]bool) [][]int64 {
	n := len(weights)
	sink := 2*n + 1
	capacity := make([][]int64, 2*n+2)
	for i := range capacity {
		capacity[i] = make([]int64, 2*n+2)
	}
	for i := range n {
		capacity[0][1+i] = weights[i]
		capacity[1+n+i][sink] = weights[i]
		for j := range n {
			if needs[i][j] {
				capacity[1+i][1+n+j] = unlimited
			}
		}
	}
	return capacity
}

// maximizeFlow turns capacities into the residual capacities of a maximum flow, by the algorithm of
// Edmonds and Karp (https://en.wikipedia.org/wiki/Edmonds%E2%80%93Karp_algorithm). It returns the
// result of the last search: the nodes with a predecessor are the source's side of a minimum cut.
func maximizeFlow(capacity [][]int64, source, sink int) (previous []int) {
	for {
		previous = breadthFirstSearch(capacity, source)
		if previous[sink] < 0 {
			return previous
		}
		push := unlimited
		for v := sink; v != source; v = previous[v] {
			push = min(push, capacity[previous[v]][v])
		}
		for v := sink; v != source; v = previous[v] {
			capacity[previous[v]][v] -= push
			capacity[v][previous[v]] += push
		}
	}
}

// breadthFirstSearch returns for each node its predecessor on a shortest path from the source, or -1
// if there is no path with capacity left. The source is its own predecessor.
func breadthFirstSearch(capacity [][]int64, source int) (previous []int) {
	previous = make([]int, len(capacity))
	for i := range previous {
		previous[i] = -1
	}
	previous[source] = source
	for queue := []int{source}; len(queue) > 0; queue = queue[1:] {
		for v, c := range capacity[queue[0]] {
			if c > 0 && previous[v] < 0 {
				previous[v] = queue[0]
				queue = append(queue, v)
			}
		}
	}
	return previous
}
