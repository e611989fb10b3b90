import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Call,
  type Dialect,
  type Endpoint,
  type FlatHeaders,
  isProblem,
  type Problem,
  type View,
} from './call.ts';
import type { SimulatorClock } from './clock.ts';
import { deliver, resetConnection, sendHtml } from './delivery.ts';
import { FAULT_PHASES, type FaultKind, type FaultRule } from './faults.ts';
import { headerOf, parseJson, readBody, readBytes, send } from './http.ts';
import { type AdmittedJob, DEFAULT_HANG_MS } from './job.ts';
import type { Provider } from './provider.ts';
import type { ResourceRoute } from './resources.ts';

/** Larger bodies are refused. Documented for Anthropic messages; assumed for the others. */
const MAX_BODY_BYTES = 32 * 1_024 * 1_024;

const DEFAULT_FAULT_RETRY_MS = 1_000;

const NO_VIEW: View = () => undefined;

/** One HTTP exchange with a client that speaks a certain dialect. */
export class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #dialect: Dialect;
  readonly #provider: Provider;
  readonly #clock: SimulatorClock;
  readonly #requestId: string;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    dialect: Dialect,
    provider: Provider,
    clock: SimulatorClock,
    requestId: string,
  ) {
    this.#request = request;
    this.#response = response;
    this.#dialect = dialect;
    this.#provider = provider;
    this.#clock = clock;
    this.#requestId = requestId;
  }

  /** Answers a request on a route that runs a model. */
  async run(endpoint: Endpoint): Promise<void> {
    const { books } = this.#provider;
    books.received += 1;
    const denied = this.#unauthorized();
    const text = await readBody(this.#request, MAX_BODY_BYTES);
    if (denied) return this.#reject(denied);
    if (text === undefined) return this.#reject(this.#dialect.tooLarge());
    const body = parseJson(text);
    if (body === undefined) return this.#reject(this.#dialect.notJson());
    const provider = this.#provider;
    const call = endpoint.read(body, {
      settings: provider.settings,
      model: (name) => provider.modelSettings(name),
    });
    if (isProblem(call)) return this.#reject(call);
    await this.#serve(call, text);
  }

  /** Answers a request on a route that keeps things; `fault` befalls it instead, or after the deed. */
  async keep(route: ResourceRoute, query: string, fault: FaultRule | undefined): Promise<void> {
    const denied = this.#unauthorized();
    const body = await readBytes(this.#request, route.maxBytes);
    if (denied) return this.decline(denied);
    if (body === undefined) return this.decline(route.tooLarge);
    if (fault !== undefined && FAULT_PHASES[fault.kind] !== 'spoil') {
      return this.#answerFault(fault, '', NO_VIEW, 0);
    }
    const outcome = await route.handle({
      query: new URLSearchParams(query),
      contentType: this.#request.headers['content-type'],
      body,
      origin: `http://${this.#request.headers.host ?? 'localhost'}`,
    });
    if (!('body' in outcome)) return this.decline(outcome);
    const headers = [...this.#headers(NO_VIEW, 0), ...(outcome.headers ?? [])];
    const { contentType } = outcome;
    if (fault?.kind === 'hang') await this.#clock.sleep(fault.durationMs ?? DEFAULT_HANG_MS);
    const reply = { status: 200, contentType, headers, body: outcome.body };
    await deliver(this.#response, reply, fault, this.#clock);
  }

  /** Answers a request that runs no model, if its key is good. */
  show(value: object | Problem): void {
    this.#request.resume();
    const problem = this.#unauthorized() ?? ('status' in value ? value : undefined);
    if (problem) this.#sendProblem(problem, NO_VIEW, 0);
    else this.#sendBody(200, JSON.stringify(value));
  }

  /** Answers with an error that spends and counts nothing. */
  decline(problem: Problem): void {
    this.#request.resume();
    this.#sendProblem(problem, NO_VIEW, 0);
  }

  async #serve(call: Call, text: string): Promise<void> {
    const provider = this.#provider;
    const headerKey = headerOf(this.#request, 'x-penstock-request-id');
    const job = provider.open(call, this.#dialect, text, headerKey);
    if (job.fault !== undefined && FAULT_PHASES[job.fault.kind] === 'refuse') {
      provider.refuseByFault(job, job.fault.kind);
      this.#answerFault(job.fault, call.model, this.#viewOnFault(job.fault.kind, call.model), 0);
      return;
    }
    const admitted = provider.admit(job);
    if ('kind' in admitted) {
      const view = provider.currentView(call.model);
      const { settings } = provider;
      this.#sendProblem(this.#dialect.refusal(admitted, call.model, view, settings), view, 0);
      return;
    }
    await this.#clock.sleep(job.workMs);
    if (job.fault !== undefined && FAULT_PHASES[job.fault.kind] === 'fail') {
      provider.fail(admitted);
      this.#answerFault(job.fault, call.model, admitted.view, job.workMs);
      return;
    }
    const answer = provider.finish(admitted);
    const headers = this.#headers(this.#viewForHeaders(admitted), job.workMs);
    const { contentType } = call;
    const reply = { status: 200, contentType, headers, body: call.render(answer) };
    if (this.#isClientGone()) return provider.delivered(admitted, 'client gone');
    await deliver(this.#response, reply, job.fault, this.#clock);
    provider.delivered(admitted, this.#isClientGone() ? 'client gone' : 'handed over');
  }

  #viewOnFault(kind: FaultKind, model: string): View {
    return kind === 'http401' ? NO_VIEW : this.#provider.currentView(model);
  }

  #answerFault({ kind, durationMs }: FaultRule, model: string, view: View, workMs: number): void {
    if (kind === 'reset_before') {
      resetConnection(this.#response);
      return;
    }
    if (kind === 'html') {
      sendHtml(this.#response);
      return;
    }
    const problem = this.#dialect.fault(kind, model);
    const waits = kind === 'http429' || kind === 'slow_down' || kind === 'slow_down_503';
    const retryAfterMs = waits ? (durationMs ?? DEFAULT_FAULT_RETRY_MS) : undefined;
    this.#sendProblem({ ...problem, retryAfterMs }, view, workMs);
  }

  #reject(problem: Problem): void {
    const provider = this.#provider;
    provider.books.invalid(problem.status);
    const { chargedTo } = problem;
    const view =
      chargedTo === undefined || !this.#dialect.invalidSpendsQuota
        ? NO_VIEW
        : provider.chargeInvalid(chargedTo, invalidEstimate(provider));
    this.#sendProblem(problem, view, 0);
  }

  #unauthorized(): Problem | undefined {
    const { apiKeys } = this.#provider.settings;
    if (apiKeys === undefined) return undefined;
    const key =
      headerOf(this.#request, 'authorization')?.replace(/^Bearer\s+/i, '') ??
      headerOf(this.#request, 'x-api-key') ??
      headerOf(this.#request, 'api-key');
    return key !== undefined && apiKeys.has(key) ? undefined : this.#dialect.unauthorized(key);
  }

  #viewForHeaders(job: AdmittedJob): View {
    return this.#dialect.levelsInHeaders === 'admission'
      ? job.view
      : this.#provider.currentView(job.call.model);
  }

  #headers(view: View, processingMs: number): FlatHeaders {
    const { settings } = this.#provider;
    const common = this.#dialect.headers(this.#requestId, settings, Math.round(processingMs));
    if (settings.rateHeaders !== 'all' || view === NO_VIEW) return common;
    return [...common, ...this.#dialect.rateHeaders(view, this.#clock.nowMs())];
  }

  #sendProblem(problem: Problem, view: View, processingMs: number): void {
    const levels = problem.isBare ? NO_VIEW : view;
    const isTold =
      problem.retryAfterMs !== undefined && this.#provider.settings.rateHeaders !== 'none';
    send(this.#response, {
      status: problem.status,
      headers: [
        ...this.#headers(levels, processingMs),
        ...(isTold ? this.#dialect.retryHeaders(problem.retryAfterMs ?? 0) : []),
      ],
      body: this.#dialect.renderProblem(problem, this.#requestId),
    });
  }

  #sendBody(status: number, body: string): void {
    send(this.#response, { status, headers: this.#headers(NO_VIEW, 0), body });
  }

  #isClientGone(): boolean {
    return this.#response.destroyed || this.#request.socket.destroyed;
  }
}

/** What an invalid request is estimated at: the overhead of a prompt without text. Recorded: 17. */
function invalidEstimate({ settings }: Provider): number {
  return settings.estimate === 'header-fit' ? 17 : 0;
}
