from __future__ import annotations

import json

from featbench.config.schema import experiment_schema


def test_the_schema_knows_every_plugin_and_its_parameters() -> None:
    schema = experiment_schema()
    assert json.loads(json.dumps(schema)) == schema
    hog = next(o for o in schema["$defs"]["extractor"]["anyOf"] if o.get("title") == "hog")
    assert hog["properties"]["cell"]["minimum"] == 1
    assert hog["properties"]["cell"]["description"]
    assert set(schema["properties"]) >= {
        "dataset",
        "datasets",
        "search",
        "selection",
        "seeds",
        "timing",
        "splits",
        "ensembles",
    }
    assert schema["properties"]["ensembles"]["items"]["properties"]["vote"]["enum"] == ["soft", "hard"]
    assert schema["properties"]["timing"]["properties"]["repeats"]["minimum"] == 1


def test_the_schema_knows_feature_maps() -> None:
    definitions = experiment_schema()["$defs"]
    options = definitions["extractor"]["anyOf"]
    assert not {"mapped", "concat"} & {*options[0]["enum"], *(o.get("title") for o in options)}
    for option in options[1:]:
        assert option["properties"]["maps"]["items"] == {"$ref": "#/$defs/map"}
    titles = {option.get("title") for option in definitions["map"]["anyOf"][1:]}
    assert titles == set(definitions["map"]["anyOf"][0]["enum"])
    pca = next(o for o in definitions["map"]["anyOf"] if o.get("title") == "pca")
    assert pca["properties"]["components"]["minimum"] == 1
    assert "maps" not in pca["properties"]


def test_the_schema_offers_the_parts_of_visual_words() -> None:
    options = experiment_schema()["$defs"]["extractor"]["anyOf"]
    bag = next(o for o in options if o.get("title") == "bovw")["properties"]
    assert "coates_ng" in bag["recipe"]["anyOf"][0]["enum"]
    assert "kmeans" in bag["codebook"]["anyOf"][0]["enum"]
    assert bag["final"]["anyOf"][0]["items"] == {"$ref": "#/$defs/map"}
    assert all(bag[part]["description"] for part in bag if part not in ("name", "maps", "augment"))


def test_every_reference_leads_somewhere() -> None:
    schema = experiment_schema()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"], node
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(schema)
