import { newId } from '../core/contracts/ids.ts';
import type { PersonRef } from '../core/contracts/person.ts';
import { subjectToken } from '../core/text/tokens.ts';
import { hexOf, sha256Of } from './artifacts.ts';

/** Personal texts that an event refers to, on their way into the subject table of the object it goes to. */
export type SubjectTexts = Record<string, { text: string; salt: string }>;

/** Collects personal texts and gives references in their place. The same text is one subject within one event. */
export class SubjectCollector {
  readonly texts: SubjectTexts = {};
  readonly #known = new Map<string, PersonRef>();

  /** A text as a token, for a place where tokens are resolved when it is used. */
  async token(text: string): Promise<string> {
    const ref = await this.ref(text);
    return ref === null ? '' : subjectToken(ref.subject);
  }

  /** Whose doing something is: never nobody. */
  async person(name: string): Promise<PersonRef> {
    const ref = await this.ref(name);
    if (ref === null) throw new Error('a person without a name');
    return ref;
  }

  async ref(text: string | null | undefined): Promise<PersonRef | null> {
    if (!text) return null;
    const known = this.#known.get(text);
    if (known) return known;
    const subject = newId('sub', Date.now(), crypto.getRandomValues(new Uint8Array(10)));
    const salt = hexOf(crypto.getRandomValues(new Uint8Array(16)));
    // The salt goes when the text goes: what stays in the journal can then be guessed from no list of names.
    const digest = await sha256Of(new TextEncoder().encode(`${salt}\n${text}`));
    const ref = { subject, digest };
    this.texts[subject] = { text, salt };
    this.#known.set(text, ref);
    return ref;
  }
}
