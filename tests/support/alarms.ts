import { alerts } from '#shared/render/monitoring/alerts.ts'
import type { World } from '#shared/runtime/context.ts'
import { scrape, type Sample } from './scrape.ts'

// Prometheus knows of what it asked; by those labels nothing is told apart here.
const form =
  /^max by \([^)]*\) \((?<series>\w+)(\{(?<label>\w+)="(?<text>[^"]*)"\})?\) > (?<most>\d+)$/

/**
 * What admins would be told by an alert if all stayed as it is: the series that are more than it allows. Of alerts that compare
 * one metric with a number.
 */
export async function alarmsOf(world: World, alert: string): Promise<Sample[]> {
  const found = form.exec(alerts[alert]?.expr ?? '')?.groups
  if (!found) throw new Error(`${alert} is no alert that compares one metric with a number`)
  const { series = '', label, text, most } = found
  const samples = (await scrape(world)).get(series)?.samples ?? []
  return samples.filter(
    ({ labels, value }) => (!label || labels[label] === text) && value > Number(most),
  )
}
