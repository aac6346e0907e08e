const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
const something = /[1-9a-f]/

/** A `traceparent` of W3C Trace Context in its parts; undefined when it is malformed or all zeros. */
export function parseTraceparent(
  text: string | undefined,
): { trace: string; span: string; flags: string } | undefined {
  const [, trace = '', span = '', flags = ''] = pattern.exec(text ?? '') ?? []
  return something.test(trace) && something.test(span) ? { trace, span, flags } : undefined
}
