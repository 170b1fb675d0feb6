/**
 * What drives rollouts: places devices, lets time pass over every active rollout, and publishes what comes of it.
 * Decisions are the domain's; this file only brings them events. One rollout that fails to tick does not stop the others.
 */
import { compileCohort, compileCohorts } from "@flotilla/protocol/cohort";
import type { CohortEntry } from "@flotilla/protocol/documents/control";
import type { RolloutPlan } from "@flotilla/protocol/documents/rollout-plan";
import { FlotillaError } from "@flotilla/protocol/errors";
import { cohortsNaming, directiveModels } from "../domain/directive.ts";
import { type PlacedDevice, placeDevice } from "../domain/placement.ts";
import { validatePlan } from "../domain/plan.ts";
import { decide, effectiveRelease } from "../domain/rollout.ts";
import { createRollout, isActive, type RolloutState } from "../domain/rollout-state.ts";
import type { Clock } from "../ports/clock.ts";
import type { ReleaseCatalogue } from "../ports/release-catalogue.ts";
import type { RolloutStore } from "../ports/rollout-store.ts";
import type { Publisher } from "./publisher.ts";
import { singleFlight } from "./single-flight.ts";

export type OperatorAction = "start" | "pause" | "resume" | "promote" | "rollback" | "cancel";

export interface Engine {
  /** @throws CONFIG_COHORT_INVALID, ROLLOUT_EXISTS */
  addCohort(cohort: CohortEntry): Promise<void>;
  /** @throws CONFIG_GATE_INVALID, CONFIG_PLAN_INVALID, ROLLOUT_NOT_FOUND, ROLLOUT_UNPROVEN, ROLLOUT_EXISTS */
  addRollout(plan: RolloutPlan): Promise<RolloutState>;
  /** @throws ROLLOUT_NOT_FOUND, ROLLOUT_CONFLICT, ROLLOUT_UNPROVEN */
  act(rollout: string, action: OperatorAction, startAtMs?: number): Promise<RolloutState>;
  /** One round over everything. Calls made during a round share the next one. */
  tick(): Promise<void>;
  /** A round soon, for instance after reports came in. */
  soon(): void;
  stop(): Promise<void>;
}

export interface EngineParts {
  readonly rollouts: RolloutStore;
  readonly releases: ReleaseCatalogue;
  /** @throws ROLLOUT_REFUSED if devices would not believe this server's directives */
  readonly assertMayDirect: () => void;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly onProblem: (what: string, error: unknown) => void;
}

/** Reports of a burst lead to one round, not to one each. */
const debounceMs = 15;
/** Devices placed in one transaction. */
const placeBatch = 500;

export function createEngine(parts: EngineParts): Engine {
  const { rollouts, releases, assertMayDirect, publisher, clock, onProblem } = parts;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  async function placeAll(): Promise<void> {
    const prepare = (entries: readonly CohortEntry[], states: readonly RolloutState[]) => {
      const cohorts = compileCohorts(entries);
      const directives = new Map(entries.map(({ id }) => [id, directiveModels(id, states)]));
      return (device: PlacedDevice) => placeDevice(device, cohorts, directives);
    };
    while ((await rollouts.place(placeBatch, clock.nowMs(), prepare)) > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function round(): Promise<void> {
    await placeAll();
    const active = (await rollouts.rollouts()).filter(({ status }) => isActive(status));
    let changed = false;
    for (const { plan } of active) {
      try {
        const nowMs = clock.nowMs();
        const moved = await rollouts.tick(plan.rollout, nowMs, ({ state, ...evidence }) =>
          decide(state, { kind: "tick", nowMs, ...evidence }),
        );
        changed ||= moved;
      } catch (error) {
        onProblem(`rollout ${plan.rollout} could not be ticked`, error);
      }
    }
    await publisher.drain();
    if (changed) await placeAll(); // a stage that has just opened shows its devices at once
  }

  const tick = singleFlight(round);

  /** The counter below which no device goes that has seen the published metadata. */
  async function counterFloor(model: string): Promise<number> {
    const published = await releases.list();
    return Math.max(0, ...published.map(({ release, minCounter }) => (release.model === model ? minCounter : 0)));
  }

  /** Releases of a model that devices would still go back to. */
  async function reachableReleases(model: string): Promise<ReadonlySet<string>> {
    const floor = await counterFloor(model);
    const published = (await releases.list()).filter(
      ({ release, counter }) => release.model === model && counter >= floor,
    );
    return new Set(published.map(({ release }) => release.release));
  }

  async function assertReleasable(plan: RolloutPlan): Promise<void> {
    const others = [plan.rollbackTo, plan.control?.release].filter((id) => id !== undefined);
    for (const id of [plan.release, ...others]) {
      if ((await releases.find(plan.model, id)) !== null) continue;
      throw new FlotillaError(
        "ROLLOUT_NOT_FOUND",
        `There is no published release ${id} of ${plan.model}. Publish its signed metadata first.`,
        { details: { model: plan.model, release: id } },
      );
    }
    const floor = await counterFloor(plan.model);
    // Devices that have seen the floor refuse what is below it: a way back that leads there is none.
    for (const id of [plan.release, ...others]) {
      const counter = (await releases.find(plan.model, id))?.counter ?? 0;
      if (counter >= floor) continue;
      throw new FlotillaError(
        "ROLLOUT_REFUSED",
        `Release ${id} has counter ${counter}; a later release of ${plan.model} forbids going below ${floor}.`,
        { details: { model: plan.model, release: id, counter, floor } },
      );
    }
    const found = await releases.find(plan.model, plan.release);
    const unproven = found?.release.variants.filter((variant) => !variant.proven).map(({ name }) => name) ?? [];
    if (unproven.length > 0 && plan.allowUnproven !== true) {
      throw new FlotillaError(
        "ROLLOUT_UNPROVEN",
        `Release ${plan.release} holds unproven variants: ${unproven.join(", ")}. Prove them, or allow it in the plan.`,
        { details: { model: plan.model, release: plan.release, variants: unproven } },
      );
    }
  }

  /** @throws CONFIG_GATE_INVALID, CONFIG_PLAN_INVALID */
  async function assertSensible(plan: RolloutPlan): Promise<void> {
    const cohortsNamingModel = cohortsNaming(plan.model, await rollouts.rollouts(plan.model));
    validatePlan(plan, { cohorts: await rollouts.cohorts(), cohortsNamingModel });
  }

  async function act(rollout: string, action: OperatorAction, startAtMs?: number): Promise<RolloutState> {
    const nowMs = clock.nowMs();
    let reachable: ReadonlySet<string> = new Set();
    if (action === "start") {
      const state = (await rollouts.rollouts()).find(({ plan }) => plan.rollout === rollout);
      // Again: what has been started or published since may contradict a plan that made sense when it was added.
      if (state?.status === "draft" || state?.status === "scheduled") {
        await assertSensible(state.plan);
        await assertReleasable(state.plan);
        reachable = await reachableReleases(state.plan.model);
      }
      assertMayDirect();
    }
    await rollouts.change(rollout, nowMs, (state, others) => {
      if (action === "rollback") assertLatest(state, others);
      if (action !== "start") return decide(state, { kind: action, nowMs });
      assertFree(state, others);
      const { cohort, model } = state.plan;
      const atMs = startAtMs === undefined ? {} : { atMs: startAtMs };
      // A release below the floor is no way back: devices would refuse it, and a rollback would change nothing unseen.
      const before = effectiveRelease(others, cohort, model);
      const base = before !== null && reachable.has(before.release) ? before : null;
      return decide(state, { kind: "start", nowMs, base, salt: saltOf(state, others), ...atMs });
    });
    await publisher.drain();
    await tick();
    return (await rollouts.look(rollout)).state;
  }

  return {
    async addCohort(cohort) {
      compileCohort(cohort.cel);
      await rollouts.addCohort(cohort);
      await publisher.drain();
    },
    async addRollout(plan) {
      await assertSensible(plan);
      await assertReleasable(plan);
      return await rollouts.addRollout(createRollout(plan, clock.nowMs()));
    },
    act,
    tick,
    soon() {
      if (timer !== null || stopped) return;
      timer = setTimeout(() => {
        timer = null;
        tick().catch((error: unknown) => onProblem("a round failed", error));
      }, debounceMs);
    },
    async stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await tick().catch((error: unknown) => onProblem("the last round failed", error));
    },
  };
}

/** One rollout of a model at a time for a cohort; an ended one never stands in the way. */
function assertFree(state: RolloutState, others: readonly RolloutState[]): void {
  const busy = others.find(
    ({ plan, status }) => plan.rollout !== state.plan.rollout && plan.cohort === state.plan.cohort && isActive(status),
  );
  if (busy === undefined) return;
  throw new FlotillaError(
    "ROLLOUT_CONFLICT",
    `Rollout ${busy.plan.rollout} of ${state.plan.model} to ${state.plan.cohort} is still ${busy.status}. ` +
      "Let it end, or cancel it, before another is started.",
    { details: { rollout: state.plan.rollout, busy: busy.plan.rollout, status: busy.status } },
  );
}

/** Only what a cohort follows now can be taken back: a directive names the rollout that was started last. */
function assertLatest(state: RolloutState, others: readonly RolloutState[]): void {
  const { cohort, model, rollout } = state.plan;
  const later = others.find(
    ({ plan, startedAtMs }) => plan.cohort === cohort && (startedAtMs ?? -1) > (state.startedAtMs ?? 0),
  );
  if (later === undefined) return;
  throw new FlotillaError(
    "ROLLOUT_CONFLICT",
    `${cohort} follows rollout ${later.plan.rollout} of ${model} by now; roll that one back, or roll out the older release.`,
    { details: { rollout, later: later.plan.rollout } },
  );
}

/** The rollout id of the first attempt at this release, so that a retry meets the same devices first. */
function saltOf(state: RolloutState, others: readonly RolloutState[]): string {
  const { cohort, release } = state.plan;
  const first = others.find(
    ({ plan, startedAtMs }) => plan.cohort === cohort && plan.release === release && startedAtMs !== null,
  );
  return first?.salt ?? state.salt;
}
