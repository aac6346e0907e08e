import type { HistogramName, processMetrics, systemMetrics } from '#shared/runtime/metric-table.ts'

/** What Prometheus keeps of the table of metrics: of a histogram three. */
export type Series =
  | Exclude<keyof typeof processMetrics | keyof typeof systemMetrics, HistogramName>
  | `${HistogramName}_${'bucket' | 'sum' | 'count'}`

/** A selector of one series. */
export const select = (series: Series, ...matchers: string[]): string =>
  matchers.length > 0 ? `${series}{${matchers.join(', ')}}` : series

/** How much of a counter there is in a second, over some time. */
export const rate = (by: string, over: string, series: Series, ...matchers: string[]): string =>
  `sum by (${by}) (rate(${select(series, ...matchers)}[${over}]))`

/** How much of a counter there was in some time. */
export const increase = (by: string, over: string, series: Series, ...matchers: string[]): string =>
  `sum by (${by}) (increase(${select(series, ...matchers)}[${over}]))`

/** More than one process may tell of the whole system, while one takes the place of another: it is one number all the same. */
export const most = (by: string, series: Series, ...matchers: string[]): string =>
  `max by (${by}) (${select(series, ...matchers)})`
