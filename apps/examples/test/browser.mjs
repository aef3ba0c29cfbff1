#!/usr/bin/env node
// What an example takes for a browser: a person in it agrees with everything, and is sent back to the program.
import { agree } from '../../testbed/src/agree.ts'

const callback = await agree(process.argv.at(-1))
await (await fetch(callback)).text()
