/**
 * Chooses the orders of a {@link LayoutProblem}. From every link on which elements would move, the order on one side is
 * carried through all that can follow it; which of the variables reached take it is a minimum cut, so each step is the best
 * mix of what was and what is proposed, and the cost falls until no step lowers it (fusion moves: Lempitsky et al. 2010).
 * Work is bounded by a number of proposals that is linear in the nodes.
 */
import type { LayoutEnd, Order, Relayout } from "../../ops/layout/layout-rule.ts";
import { givenOrder, type LayoutProblem, type Link, linkCost, sameChoice, wantedOrder } from "./layout-problem.ts";
import { FlowNetwork } from "./min-cut.ts";

/** Proposals per variable; the nets measured need 2 to 6. */
const proposalsPerVariable = 40;
const maxSweeps = 8;

/** Sets `problem.choices`. Returns how many proposals were asked of operators. */
export function chooseOrders(problem: LayoutProblem): number {
  let asked = 0;
  const budget = proposalsPerVariable * problem.variables.length;
  for (let sweep = 0, improved = true; improved && sweep < maxSweeps; sweep++) {
    improved = false;
    const moving = problem.links.filter((link) => currentCost(problem, link) > 1);
    for (const link of moving.sort((a, b) => b.weight - a.weight)) {
      for (const seed of seeds(problem, link)) {
        if (asked > budget || currentCost(problem, link) <= 1) break;
        const proposed = carry(problem, seed);
        asked += proposed.asked;
        if (fuse(problem, proposed.choices)) improved = true;
      }
    }
  }
  return asked;
}

const currentCost = ({ choices }: LayoutProblem, link: Link): number => {
  const [maker, user] = [choices[link.from], choices[link.to]];
  return maker && user ? linkCost(link, givenOrder(link, maker), wantedOrder(link, user)) : 0;
};

interface Seed {
  readonly at: number;
  readonly end: LayoutEnd;
  readonly order: Order;
}

/** Either side of the link takes the other's order. */
function seeds({ choices }: LayoutProblem, link: Link): readonly Seed[] {
  const [maker, user] = [choices[link.from], choices[link.to]];
  if (!maker || !user) return [];
  const wanted = wantedOrder(link, user);
  const toUser: Seed = {
    at: link.to,
    end: { side: "operand", position: link.operand },
    order: givenOrder(link, maker),
  };
  if (wanted.length !== link.shape.length) return [toUser];
  return [toUser, { at: link.from, end: { side: "result", position: link.result }, order: wanted }];
}

/** The choices that follow from a seed, as far as operators can follow and do not already agree. */
function carry(problem: LayoutProblem, seed: Seed): { choices: Map<number, Relayout>; asked: number } {
  const choices = new Map<number, Relayout>();
  const seen = new Set<number>();
  const queue: Seed[] = [seed];
  let asked = 0;
  for (const { at, end, order } of queue) {
    const current = problem.choices[at];
    if (seen.has(at) || !current) continue;
    asked++;
    const choice = problem.proposal(at, end, order);
    if (!choice) continue;
    seen.add(at);
    if (sameChoice(choice, current)) continue;
    choices.set(at, choice);
    for (const link of problem.variables[at]?.links ?? []) {
      if (link.from === at) {
        const given = givenOrder(link, choice);
        if (!seen.has(link.to))
          queue.push({ at: link.to, end: { side: "operand", position: link.operand }, order: given });
      }
      if (link.to === at && !seen.has(link.from)) {
        const wanted = wantedOrder(link, choice);
        if (wanted.length === link.shape.length)
          queue.push({ at: link.from, end: { side: "result", position: link.result }, order: wanted });
      }
    }
  }
  return { choices, asked };
}

/** Takes the best mix of the current choices and those proposed, if it costs less. */
function fuse(problem: LayoutProblem, proposed: ReadonlyMap<number, Relayout>): boolean {
  if (proposed.size === 0) return false;
  const links = new Set([...proposed.keys()].flatMap((at) => problem.variables[at]?.links ?? []));
  const before = tensorCosts(problem, links);
  const kept = new Map([...proposed.keys()].map((at) => [at, problem.choices[at]]));
  const take = (which: ReadonlyMap<number, Relayout>) => {
    for (const [at, choice] of kept) problem.choices[at] = which.get(at) ?? choice ?? { operands: [], results: [] };
    return tensorCosts(problem, links);
  };
  const cut = bestMix(problem, proposed, links);
  const [mixed, all] = [take(cut), take(proposed)];
  if (Math.min(mixed, all) >= before) take(new Map());
  else if (mixed <= all) take(cut);
  return Math.min(mixed, all) < before;
}

/** What the links cost, uses of one value in one order sharing a TRANSPOSE. */
function tensorCosts({ choices, variables }: LayoutProblem, links: ReadonlySet<Link>): number {
  let total = 0;
  const done = new Set<string>();
  for (const { from, result } of links) {
    const key = `${from}:${result}`;
    if (done.has(key)) continue;
    done.add(key);
    const paid = new Set<string>();
    for (const link of variables[from]?.links ?? []) {
      const [maker, user] = [choices[link.from], choices[link.to]];
      if (link.from !== from || link.result !== result || !maker || !user) continue;
      const wanted = wantedOrder(link, user);
      if (paid.has(wanted.join())) continue;
      paid.add(wanted.join());
      total += linkCost(link, givenOrder(link, maker), wanted);
    }
  }
  return total;
}

/** The minimum cut between "as it is" (source) and "as proposed" (sink), every use paying for itself. */
function bestMix(
  { choices }: LayoutProblem,
  proposed: ReadonlyMap<number, Relayout>,
  links: ReadonlySet<Link>,
): ReadonlyMap<number, Relayout> {
  const vertices = new Map([...proposed.keys()].map((at, index) => [at, index + 2]));
  const network = new FlowNetwork(vertices.size + 2);
  /** Cost of taking the proposal minus that of keeping what is. */
  const leaning = new Map<number, number>();
  const lean = (at: number, cost: number) => leaning.set(at, (leaning.get(at) ?? 0) + cost);
  for (const link of links) {
    const { from, to } = link;
    const cost = (maker: Relayout | undefined, user: Relayout | undefined) =>
      maker && user ? linkCost(link, givenOrder(link, maker), wantedOrder(link, user)) : 0;
    const [maker, user] = [choices[from], choices[to]];
    const [newMaker, newUser] = [proposed.get(from) ?? maker, proposed.get(to) ?? user];
    const [keepBoth, newMakerOnly] = [cost(maker, user), cost(newMaker, user)];
    const [newUserOnly, newBoth] = [cost(maker, newUser), cost(newMaker, newUser)];
    if (proposed.has(from) && proposed.has(to)) {
      lean(from, newMakerOnly - keepBoth);
      lean(to, newBoth - newMakerOnly);
      // Below 0 where agreeing costs more than disagreeing: then the cut is a bound, and the caller compares true costs.
      const apart = newUserOnly + newMakerOnly - keepBoth - newBoth;
      network.addEdge(vertices.get(from) ?? 0, vertices.get(to) ?? 0, Math.max(0, apart));
    } else if (proposed.has(from)) lean(from, newMakerOnly - keepBoth);
    else lean(to, newUserOnly - keepBoth);
  }
  for (const [at, cost] of leaning) {
    const vertex = vertices.get(at) ?? 0;
    if (cost > 0) network.addEdge(0, vertex, cost);
    else network.addEdge(vertex, 1, -cost);
  }
  const taken = network.sinkSide();
  return new Map([...proposed].filter(([at]) => taken.has(vertices.get(at) ?? 0)));
}
