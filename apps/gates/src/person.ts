/**
 * Preloaded into a program that asks a person to sign in: one who agrees with everything takes the place of the browser
 * (the package `open`), and reads from the terminal where to go.
 *
 * @module
 */
import { registerHooks } from 'node:module'
import { agree } from '@x/testbed/agree'

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'open'
      ? { url: import.meta.resolve('./browser.ts'), shortCircuit: true }
      : next(specifier, context),
})

const write = process.stderr.write.bind(process.stderr)
process.stderr.write = (text: string | Uint8Array): boolean => {
  const address = /http\S+user_code=\S+/.exec(String(text))?.[0]
  if (address === undefined) return write(text)
  void agree(address)
  return true
}
