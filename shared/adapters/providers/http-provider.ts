/** A completion provider over HTTP: a dialect says how to ask, this says what came of it. */

import { createHash } from 'node:crypto';
import type { ProviderFailure, ProviderOutcome } from '../../domain/capacity/provider-outcome.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type {
  CompletionProvider,
  ProviderCall,
  ProviderProbe,
} from '../../ports/completion-provider.ts';
import { onOneLine } from './answer-text.ts';
import { readAnswer } from './answers.ts';
import { describeBare } from './bare-error.ts';
import { classifyError } from './error-classification.ts';
import type { HttpProviderParts } from './http-provider-parts.ts';
import { parseJson } from './json.ts';
import { probeModels } from './probe.ts';
import { readRateSignals } from './rate-signals.ts';
import type { Exchange, Received } from './transport.ts';
import type { NotReceived } from './transport-failure.ts';
import { headerOf, type WireHeaders } from './wire-headers.ts';

/** Error bodies beyond this are summed up by their message alone. Unit: UTF-16 units. */
const LONGEST_ERROR_BODY = 65_536;
const HEADER_VALUE = /^[\x21-\x7e]{1,255}$/;
const REQUEST_ID_HEADERS = ['x-request-id', 'request-id', 'apim-request-id', 'x-ms-request-id'];
const NO_HEADERS: WireHeaders = {};

export class HttpProvider implements CompletionProvider {
  readonly name: string;
  private readonly parts: HttpProviderParts;

  constructor(parts: HttpProviderParts) {
    this.name = parts.name;
    this.parts = parts;
  }

  async call(call: ProviderCall, signal: AbortSignal): Promise<ProviderOutcome> {
    try {
      const exchange = this.exchangeOf(call);
      if ('kind' in exchange) return exchange;
      const ended = await this.parts.transport.exchange(exchange, signal);
      return ended.kind === 'received' ? this.judge(call, ended) : this.explain(call, ended);
    } catch (error) {
      // The port promises never to throw; what comes here is a fault of ours, and is told as one.
      const message = error instanceof Error ? error.message : String(error);
      return this.failure('internal', `The ${this.name} adapter failed: ${message}`);
    }
  }

  probe(signal: AbortSignal): Promise<ProviderProbe> {
    return probeModels(this.parts, signal);
  }

  close(): Promise<void> {
    return this.parts.transport.close();
  }

  /** What to send, or why the call cannot be made. */
  private exchangeOf(call: ProviderCall): Exchange | ProviderFailure {
    const { dialect, timeouts, headers } = this.parts;
    const { endpoint, lane, body } = call;
    if (body['stream'] === true || body['background'] === true) {
      const field = body['stream'] === true ? 'stream' : 'background';
      const message = `"${field}": true is not possible here, since every answer is stored whole; leave "${field}" out`;
      return this.failure('invalid_request', message);
    }
    if (lane !== 'live' && !dialect.hasLane(lane, endpoint)) {
      const message = `Provider ${this.name} has no ${lane} lane for ${endpoint}`;
      return this.failure('lane_unavailable', message);
    }
    let path: string | null;
    let json: string;
    try {
      path = dialect.pathOf(endpoint, call.model);
      json = dialect.encode(call);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return this.failure('invalid_request', `The request cannot be written as JSON: ${reason}`);
    }
    if (path === null) {
      const message = `Provider ${this.name} does not serve ${endpoint}; choose a model of another provider, or another endpoint`;
      return this.failure('unsupported_endpoint', message);
    }
    const { withinMs } = call;
    const isFlex = lane === 'flex';
    const within = (usualMs: number): number => Math.min(usualMs, withinMs ?? usualMs);
    return {
      method: 'POST',
      path,
      headers: [...headers, 'idempotency-key', idempotencyKeyOf(call.requestId)],
      body: json,
      headersMs: within(isFlex ? timeouts.flexTotalMs : timeouts.headersMs),
      totalMs: within(isFlex ? timeouts.flexTotalMs : timeouts.totalMs),
    };
  }

  /** A whole HTTP answer came. */
  private judge(call: ProviderCall, { statusCode, headers, text }: Received): ProviderOutcome {
    const body = parseJson(text);
    if (statusCode < 200 || statusCode > 299) {
      return this.classified(call, statusCode, headers, body, text);
    }
    if (body === undefined) {
      const detail = text.trim() === '' ? 'The answer is empty' : 'The answer is not JSON';
      return this.malformed(statusCode, headers, detail);
    }
    const answer = readAnswer(call.endpoint, body);
    if (answer.kind === 'error') return this.classified(call, statusCode, headers, body, text);
    if (answer.kind === 'malformed') return this.malformed(statusCode, headers, answer.detail);
    return {
      kind: 'answered',
      statusCode,
      requestId: requestIdOf(headers),
      bodyJson: this.parts.redactor.content(onOneLine(text)),
      usage: answer.usage,
      finishReason: answer.finishReason,
      signals: readRateSignals(headers, statusCode, this.parts.clock.nowMs()),
    };
  }

  /** No whole HTTP answer came. */
  private explain(call: ProviderCall, ended: NotReceived): ProviderFailure {
    const { cause, detail, wasSent, statusCode, headers } = ended;
    // The head of an error says enough, even when its body never came.
    if (cause !== 'aborted' && statusCode >= 300) {
      return this.classified(call, statusCode, headers, undefined, detail);
    }
    switch (cause) {
      case 'unreachable':
        return this.failure('provider_unreachable', `Could not connect: ${detail}`);
      case 'lost':
        return { ...this.failure('provider_error', detail), isAmbiguous: true };
      case 'timed_out':
        return {
          ...this.failure('provider_timeout', detail, statusCode, headers),
          isAmbiguous: wasSent,
        };
      case 'aborted':
        return {
          ...this.failure('provider_timeout', detail, statusCode, headers),
          isAmbiguous: true,
        };
      case 'broken':
        return this.malformed(statusCode, headers, detail);
    }
  }

  private classified(
    call: ProviderCall,
    statusCode: number,
    headers: WireHeaders,
    body: unknown,
    text: string,
  ): ProviderFailure {
    const { lane, model } = call;
    const found = classifyError({ statusCode, body, lane, model });
    const failure = this.failure(
      found.code,
      found.message ?? describeBare(statusCode, text),
      statusCode,
      headers,
    );
    const isShort = text.length <= LONGEST_ERROR_BODY;
    const { signals } = failure;
    return {
      ...failure,
      bodyJson: body !== undefined && isShort ? this.parts.redactor.content(onOneLine(text)) : null,
      throttledBy: found.throttledBy,
      isAmbiguous: found.isAmbiguous,
      signals:
        signals.retryAfterMs === undefined && found.retryAfterMs !== null
          ? { ...signals, retryAfterMs: found.retryAfterMs }
          : signals,
    };
  }

  /** A success that holds no answer: the work was most likely done and billed. */
  private malformed(statusCode: number, headers: WireHeaders, detail: string): ProviderFailure {
    return {
      ...this.failure('provider_malformed', detail, statusCode, headers),
      isAmbiguous: true,
    };
  }

  private failure(
    code: ErrorCode,
    message: string,
    statusCode = 0,
    headers: WireHeaders = NO_HEADERS,
  ): ProviderFailure {
    const { redactor, clock } = this.parts;
    return {
      kind: 'failed',
      code,
      message: redactor.message(message),
      statusCode,
      requestId: requestIdOf(headers),
      bodyJson: null,
      throttledBy: null,
      isAmbiguous: false,
      signals: readRateSignals(headers, statusCode, clock.nowMs()),
    };
  }
}

function requestIdOf(headers: WireHeaders): string {
  for (const name of REQUEST_ID_HEADERS) {
    const value = headerOf(headers, name);
    if (value !== undefined) return value.slice(0, 200);
  }
  return '';
}

/** The request's id where it can stand in a header, else a digest of it. */
function idempotencyKeyOf(requestId: string): string {
  return HEADER_VALUE.test(requestId)
    ? requestId
    : createHash('sha256').update(requestId).digest('hex');
}
